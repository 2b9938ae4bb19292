"""Settings of papers and of their authors' programs, as presets (`agents.presets`): facts, each with its source.

Each row is a name, the learners, the steps of a run, the settings that ours have too, where they stand, and what
differs from there. Networks' sizes and optimisers are ours where a learner has no setting for them.
"""

from collections.abc import Mapping

Row = tuple[str, tuple[str, ...], int, Mapping[str, object], str, str]

_EPYMARL = (
    "Papoudakis et al., Benchmarking Multi-Agent Deep RL Algorithms in Cooperative Tasks, NeurIPS 2021 (2006.07869): "
    "EPyMARL, commit cbc38c0, src/config/algs; the paper's own tables have other values by task"
)
_BESIDE = (
    "16 episodes side by side with an update for each, not one; rewards are divided by their deviation, not centred"
)
_TEAM = "no target critic; critics remember as agents do; rewards are divided by their deviation, not centred"
_QS: dict[str, object] = {"scale_inputs": False, "target_rate": 1.0, "target_every": 200}
_ACTOR: dict[str, object] = {
    "envs": 10,
    "lr": 3e-4,
    "critic_lr": 3e-4,
    "clip": 10.0,
    "recurrent": True,
    "hidden": 128,
    "entropy": 1e-3,
}
_ACTOR |= {"scale_inputs": False, "orthogonal": False}
_CLIPPED = _ACTOR | {"minibatches": 1, "scale_advantages": False, "scale_values": False, "value_clip": 0.0, "n_step": 5}
_A2C = _ACTOR | {"lr": 5e-4, "critic_lr": 5e-4, "scale_values": False, "n_step": 5}

_PYMARL = "{}: PyMARL, commit c971afd, src/config"
_SMAC: dict[str, object] = {"recurrent": True, "last_action": True, "scale_inputs": False, "scale_rewards": False}
_RMSPROP = "Adam, where theirs is RMSprop"

_MAPPO = (
    "Yu et al., The Surprising Effectiveness of PPO in Cooperative Multi-Agent Games, NeurIPS 2022 (2103.01955): "
    "on-policy, commit de66d7a, train_mpe_spread.sh and config.py"
)
_SPREAD: dict[str, object] = {
    "envs": 128,
    "lr": 7e-4,
    "critic_lr": 7e-4,
    "clip": 10.0,
    "epochs": 10,
    "minibatches": 1,
    "recurrent": True,
}

_RUDOLPH = (
    "Rudolph et al., Reevaluating Policy Gradient Methods for Imperfect-Information Games (2502.08938): "
    "IIG-RL-Benchmark, commit 591d35d, best_hyperparameters/min_final_expl_hparams/{}/classical_phantom_ttt"
)
_PHANTOM: dict[str, object] = {
    "envs": 128,
    "gamma": 0.99,
    "gae_lambda": 0.95,
    "lr": 2.5e-4,
    "critic_lr": 2.5e-4,
    "lr_steps": 10_000_000,
}
_PHANTOM |= {"clip": 0.5, "hidden": 512, "epochs": 4, "minibatches": 4, "ratio_clip": 0.1, "value_clip": 0.1}
_PHANTOM |= {"scale_rewards": False, "scale_inputs": False, "scale_values": False}
_PHANTOM_DIFFERS = (
    "two hidden layers, not three; 128 whole games an update, which are about as many moves as 8 games of 128 steps; "
    "advantages are brought to one scale over an update, not a minibatch"
)
_HIDDEN: dict[str, object] = {"hidden": 512, "layers": 3}

PAPERS: tuple[Row, ...] = (
    (
        "epymarl",
        ("iql",),
        2_050_000,
        _QS | {"lr": 3e-4, "hidden": 128, "recurrent": True, "epsilon_steps": 200_000},
        _EPYMARL,
        _BESIDE,
    ),
    ("epymarl", ("vdn", "qmix"), 2_050_000, _QS, _EPYMARL, _BESIDE),
    ("epymarl", ("mappo", "ippo"), 20_050_000, _CLIPPED, _EPYMARL, _TEAM),
    ("epymarl", ("a2c",), 20_050_000, _A2C | {"entropy": 0.01}, _EPYMARL + " (maa2c)", _TEAM),
    ("epymarl", ("ia2c",), 20_050_000, _A2C, _EPYMARL, _TEAM),
    (
        "epymarl",
        ("coma",),
        20_050_000,
        _ACTOR | {"hidden": 64, "target_rate": 1.0, "target_every": 200},
        _EPYMARL,
        "targets are TD(0.8), not of ten steps; rewards are divided by their deviation, not centred",
    ),
    (
        "epymarl",
        ("maddpg",),
        2_050_000,
        {
            "lr": 5e-4,
            "critic_lr": 5e-4,
            "hidden": 128,
            "scale_inputs": False,
        },
        _EPYMARL,
        "learns from single moves, without memory, with slowly moving targets, not from 32 episodes with memory and "
        "targets copied every 200",
    ),
    (
        "pymarl",
        ("qmix",),
        2_050_000,
        _QS | _SMAC,
        _PYMARL.format("Rashid et al., QMIX, ICML 2018 (1803.11485), and Samvelyan et al., SMAC, 2019 (1902.04043)"),
        f"{_RMSPROP}; 16 episodes side by side with an update for each, not one",
    ),
    (
        "pymarl",
        ("vdn",),
        2_050_000,
        _QS | _SMAC,
        _PYMARL.format("Sunehag et al., VDN, 2017 (1706.05296), as in Samvelyan et al., SMAC, 2019 (1902.04043)"),
        f"{_RMSPROP}; 16 episodes side by side with an update for each, not one",
    ),
    (
        "pymarl",
        ("coma",),
        2_050_000,
        _SMAC
        | {
            "envs": 8,
            "lr": 5e-4,
            "critic_lr": 5e-4,
            "td_lambda": 0.8,
            "target_rate": 1.0,
            "target_every": 200,
            "epsilon_start": 0.5,
            "epsilon_end": 0.01,
            "epsilon_steps": 100_000,
            "entropy": 0.0,
            "orthogonal": False,
        },
        _PYMARL.format("Foerster et al., COMA, AAAI 2018 (1705.08926), as in Samvelyan et al., 2019 (1902.04043)"),
        _RMSPROP,
    ),
    (
        "mappo_spread",
        ("mappo", "ippo"),
        20_000_000,
        _SPREAD,
        _MAPPO,
        "inputs are scaled by running deviations, not layer by layer; values' errors are squared, not Huber's; "
        "gradients go through whole episodes, not pieces of ten steps",
    ),
    ("rudolph_phantom", ("ippo",), 10_000_000, _PHANTOM | {"entropy": 0.05}, _RUDOLPH.format("ppo"), _PHANTOM_DIFFERS),
    (
        "rudolph_phantom",
        ("magnetic_ppo",),
        10_000_000,
        _PHANTOM
        | {
            "entropy": 0.0,
            "magnet": 0.05,
            "magnet_rate": 0.0,
            "magnet_plays": False,
            "proximity": 0.05,
            "central": False,
        },
        _RUDOLPH.format("mmd"),
        _PHANTOM_DIFFERS + "; its entropy bonus is the distance from a uniform magnet",
    ),
    (
        "rudolph_phantom",
        ("rnad",),
        10_000_000,
        _HIDDEN
        | {
            "envs": 64,
            "eta": 0.1,
            "delta": 12_500,
            "lr": 2e-4,
            "critic_lr": 2e-4,
            "clip": 20_000.0,
            "target_rate": 5e-4,
            "trace_clip": 0.125,
            "logit_limit": 2.0,
            "advantage_clip": 10_000.0,
        },
        _RUDOLPH.format("rnad"),
        "Adam's first moment is kept, not left out",
    ),
    (
        "rudolph_phantom",
        ("nfsp",),
        10_000_000,
        _HIDDEN
        | {
            "anticipatory": 0.5623,
            "recent": 25_000,
            "memory": 250_000,
            "lr": 2.5e-3,
            "average_lr": 2.5e-3,
            "epsilon": 0.015,
            "linear": 0.0,
        },
        _RUDOLPH.format("nfsp"),
        "minibatches are those of our learner for many games side by side, not of 8 moves every 10 and 128 every 256; "
        "epsilon stays, not falling from 0.015 to 0.002",
    ),
    (
        "td3",
        ("td3",),
        1_000_000,
        {
            "lr": 1e-3,
            "critic_lr": 1e-3,
            "batch": 100,
            "replay": 1_000_000,
            "target_rate": 5e-3,
            "noise_size": 0.1,
            "target_clip": 0.5,
            "warmup": 10_000,
            "random_steps": 10_000,
            "hidden": 400,
            "scale_rewards": False,
            "scale_inputs": False,
        },
        "Fujimoto et al., Addressing Function Approximation Error in Actor-Critic Methods, ICML 2018 (1802.09477), "
        "section 6.1 and the appendix",
        "layers of 400 and 400, not 400 and 300; gradients are clipped at 10; 8 episodes side by side",
    ),
    (
        "sac",
        ("sac",),
        1_000_000,
        {
            "lr": 3e-4,
            "critic_lr": 3e-4,
            "batch": 256,
            "replay": 1_000_000,
            "target_rate": 5e-3,
            "hidden": 256,
            "number_entropy": -1.0,
            "tune": True,
            "scale_rewards": False,
            "scale_inputs": False,
        },
        "Haarnoja et al., Soft Actor-Critic Algorithms and Applications, 2018 (1812.05905), table 1",
        "gradients are clipped at 10; 8 episodes side by side",
    ),
    (
        "dqn",
        ("dqn",),
        50_000_000,
        {
            "lr": 2.5e-4,
            "batch": 32,
            "replay": 1_000_000,
            "warmup": 50_000,
            "epsilon_start": 1.0,
            "epsilon_end": 0.1,
            "epsilon_steps": 1_000_000,
            "target_rate": 1.0,
            "target_every": 10_000,
            "updates": 0.25,
            "n_step": 1,
        },
        "Mnih et al., Human-level control through deep reinforcement learning, Nature 2015, extended data table 1",
        "Adam, where theirs is RMSprop; our networks, not Atari's convolutions; rewards are divided by their "
        "deviation, not clipped to 1; 8 episodes side by side",
    ),
    (
        "rainbow",
        ("rainbow",),
        50_000_000,
        {
            "lr": 6.25e-5,
            "batch": 32,
            "replay": 1_000_000,
            "warmup": 20_000,
            "priority_beta": 0.4,
            "value_low": -10.0,
            "value_high": 10.0,
            "target_rate": 1.0,
            "target_every": 2_000,
            "updates": 0.25,
        },
        "Hessel et al., Rainbow, AAAI 2018 (1710.02298), table 1",
        "priority_beta stays, not rising to 1; our networks, not Atari's convolutions; rewards are divided by their "
        "deviation, not clipped to 1; 8 episodes side by side",
    ),
)
