"""The catalogue of environments, and the way from an environment's text to its task and back.

A new environment is one file in this folder and one `Entry` here; modules are imported when one of theirs is asked for.
A turn-based game of `counterplay.games` is an environment too: its players are the agents.
"""

from counterplay.engine.catalogue import Catalogue, Entry, Reader
from counterplay.games import GAMES

_ENTRIES = (
    Entry(
        "climbing",
        "counterplay.games.envs.matrix:climbing",
        "The climbing game: the best joint action lies beside the worst",
        ("climbing", "climbing(steps=1)"),
    ),
    Entry(
        "penalty",
        "counterplay.games.envs.matrix:penalty",
        "The penalty game: two best joint actions, and a penalty k for missing each other",
        ("penalty", "penalty(k=-50)"),
    ),
    Entry(
        "qtran_matrix",
        "counterplay.games.envs.matrix:qtran_matrix",
        "QTRAN's one-shot matrix game: no sum and no monotone mix of utilities fits it",
        ("qtran_matrix",),
    ),
    Entry(
        "matrix_game",
        "counterplay.games.envs.matrix:MatrixGame",
        "Any cooperative matrix game, for any number of agents, once or repeatedly",
        ("matrix_game(payoffs=(1, 0, 0, 2))", "matrix_game(payoffs=(1, 0, 0, 2, 0, 3), shape=(3, 1, 2), steps=4)"),
    ),
    Entry(
        "two_step",
        "counterplay.games.envs.two_step:TwoStep",
        "QMIX's two-step game: the first choice decides which matrix is played",
        ("two_step",),
    ),
    Entry(
        "switch",
        "counterplay.games.envs.switch:Switch",
        "The switch riddle: prisoners share one light, and have to know when all have seen it",
        ("switch", "switch(agents=5)"),
    ),
    Entry(
        "predator_prey",
        "counterplay.games.envs.predator_prey:PredatorPrey",
        "Predators on a grid catch prey in twos, and are fined for trying alone",
        ("predator_prey", "predator_prey(size=4, predators=3, prey=2, catchers=1, sight=3, steps=30)"),
    ),
    Entry(
        "spread",
        "counterplay.games.envs.spread:Spread",
        "Simple spread: agents cover landmarks and stay out of each other's way, as in mpe2",
        ("spread", "spread(agents=2, reward=individual, steps=7)"),
    ),
    Entry(
        "simple",
        "counterplay.games.envs.mpe:Simple",
        "MPE's simple: one agent goes to a landmark, as in mpe2",
        ("simple", "simple(continuous=true, steps=5)"),
    ),
    Entry(
        "adversary",
        "counterplay.games.envs.mpe:Adversary",
        "MPE's adversary: agents cover a goal among landmarks, and an adversary has to find out which it is",
        ("adversary", "adversary(agents=3, opponents=script, steps=7)"),
    ),
    Entry(
        "push",
        "counterplay.games.envs.mpe:Push",
        "MPE's push: an adversary keeps an agent away from its landmark",
        ("push",),
    ),
    Entry(
        "reference",
        "counterplay.games.envs.mpe:Reference",
        "MPE's reference: two agents tell each other where to go",
        ("reference", "reference(reward=individual, steps=5)"),
    ),
    Entry(
        "speaker_listener",
        "counterplay.games.envs.mpe:SpeakerListener",
        "MPE's speaker and listener: one knows where the other has to go",
        ("speaker_listener", "speaker_listener(continuous=true, steps=5)"),
    ),
    Entry(
        "crypto",
        "counterplay.games.envs.mpe:Crypto",
        "MPE's crypto: Alice tells Bob a message with a key, and Eve listens",
        ("crypto",),
    ),
    Entry(
        "line",
        "counterplay.games.envs.mpe_shapes:Line",
        "MPE's line: agents spread evenly between two landmarks",
        ("line", "line(agents=1, reward=individual, steps=5)"),
    ),
    Entry(
        "formation",
        "counterplay.games.envs.mpe_shapes:Formation",
        "MPE's formation: agents spread evenly around a landmark",
        ("formation",),
    ),
    Entry(
        "tag",
        "counterplay.games.envs.mpe_chase:Tag",
        "MPE's tag: chasers catch faster prey among obstacles; the prey learns, or flees by itself",
        ("tag", "tag(opponents=script, steps=5)"),
    ),
    Entry(
        "world_comm",
        "counterplay.games.envs.mpe_chase:WorldComm",
        "MPE's world of food and forests: a leader tells chasers where prey hides",
        ("world_comm(steps=10)",),
    ),
    Entry(
        "collect_treasure",
        "counterplay.games.envs.mpe_treasure:CollectTreasure",
        "MPE's collection of treasure: collectors bring treasures to the deposits of their kinds",
        (
            "collect_treasure",
            "collect_treasure(collectors=3, reward=individual, continuous=true, steps=9)",
        ),
    ),
    Entry(
        "foraging",
        "counterplay.games.envs.foraging:Foraging",
        "Level-based foraging with lbforaging's rules; its ids, such as Foraging-8x8-2p-2f-coop-v3, are known too",
        ("foraging(coop=true)", "foraging(size=6, players=3, food=3, sight=1, penalty=0.1, reward=individual)"),
    ),
    Entry(
        "overcooked",
        "counterplay.games.envs.overcooked:Overcooked",
        "Overcooked: two cooks make onion soups in one of five kitchens, with overcooked_ai's rules",
        ("overcooked(steps=50)", "overcooked(layout=forced_coordination, shaped=1, steps=30)"),
    ),
    Entry(
        "hanabi",
        "counterplay.games.envs.hanabi:Hanabi",
        "Hanabi: two to five players who see all cards but their own, with the Hanabi Learning Environment's rules",
        ("hanabi(colours=2, hand=2, clues=3, lives=1)", "hanabi(players=3, colours=2, ranks=3, hand=2)"),
    ),
    Entry(
        "skirmish",
        "counterplay.games.envs.skirmish:Skirmish",
        "A skirmish: marines, zealots and others see only so far, and fight a scripted enemy; 3m, 2s3z, 5m_vs_6m ...",
        ("skirmish", "skirmish(units='1s1z_vs_2l1h', steps=40)"),
    ),
    Entry(
        "warehouse",
        "counterplay.games.envs.warehouse:Warehouse",
        "Robots bring shelves to a goal and put them back, with RWARE's rules; its ids, such as rware-tiny-2ag-v2, too",
        (
            "warehouse(steps=40)",
            "warehouse(agents=6, requests=3, height=2, two_stage=true, reward=individual, steps=40)",
        ),
    ),
    Entry(
        "cartpole",
        "counterplay.games.envs.cartpole:CartPole",
        "One agent holds a pole upright on a cart, with Gymnasium's CartPole-v1 dynamics",
        ("cartpole", "cartpole(steps=20)"),
    ),
    Entry(
        "pendulum",
        "counterplay.games.envs.pendulum:Pendulum",
        "One agent turns a pendulum up by continuous torques, with Gymnasium's Pendulum-v1 dynamics",
        ("pendulum(steps=20)",),
    ),
    Entry(
        "mountain_car",
        "counterplay.games.envs.mountain_car:MountainCar",
        "One agent rocks a car out of a valley, with Gymnasium's dynamics; discrete or continuous",
        ("mountain_car", "mountain_car(continuous=true, steps=40)"),
    ),
    Entry(
        "swing_up",
        "counterplay.games.envs.swing_up:SwingUp",
        "One agent swings a pole on a cart up by continuous forces, with EvoJAX's dynamics; easy or hard",
        ("swing_up(steps=60)", "swing_up(hard=true, steps=40)"),
    ),
    Entry(
        "corridor",
        "counterplay.games.envs.corridor:Corridor",
        "One agent explores a long corridor: the reward is at the far end, a crumb at the near one",
        ("corridor(length=10)", "corridor(length=8, crumb=0.1, mixed=true)"),
    ),
    Entry(
        "watch_repair",
        "counterplay.games.envs.watch_repair:WatchRepair",
        "One agent decides whether to repair a watch, and is paid 49 steps later: RUDDER's task",
        ("watch_repair", "watch_repair(steps=5)"),
    ),
)

ENVS = Catalogue(
    kind="environment",
    group="counterplay.envs",
    entries=_ENTRIES,
    readers=(
        Reader("counterplay.games.envs.foraging:from_id", "Foraging-8x8-2p-2f-v3", prefix="Foraging-"),
        Reader("counterplay.games.envs.warehouse:from_id", "rware-tiny-2ag-v2", prefix="rware-"),
        Reader(
            "counterplay.games.foreign.pettingzoo:read",
            "pettingzoo:MODULE",
            prefix="pettingzoo:",
            own="counterplay.games.foreign.pettingzoo:imports_own",
        ),
        Reader(
            "counterplay.games.foreign.gymnasium:read",
            "gymnasium:MODULE:ID",
            prefix="gymnasium:",
            own="counterplay.games.foreign.gymnasium:imports_own",
        ),
    ),
    base=GAMES,
    adopt="counterplay.games.envs.adopt:as_task",
    hint="counterplay.games.foreign.names:hint_of_env",
)
find, make_env, spec_of = ENVS.find, ENVS.make, ENVS.spec_of
