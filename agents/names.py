"""What learners and their settings are called elsewhere, and what they are called here.

Settings' names are those of EPyMARL, PyMARL, Stable-Baselines3, CleanRL and Ray RLlib; a setting that several learners
have by different names is the first that the learner at hand has.
"""

from collections.abc import Collection

_SETTINGS: dict[str, tuple[str, ...]] = {
    "lr": ("learning_rate", "alpha", "step_size", "actor_lr", "lr_actor", "agent_lr", "policy_lr"),
    "critic_lr": ("lr_critic", "critic_learning_rate", "value_lr", "vf_lr"),
    "lr_steps": ("anneal_lr", "lr_decay", "lr_decay_steps", "lr_schedule"),
    "gamma": ("discount", "discount_factor", "discounting"),
    "batch": ("batch_size", "train_batch_size"),
    "envs": ("batch_size_run", "num_envs", "n_envs", "n_rollout_threads", "n_threads", "batch_size", "num_workers"),
    "replay": ("buffer_size", "buffer", "replay_size", "replay_buffer_size", "memory", "memory_size", "capacity"),
    "warmup": ("learning_starts", "warm_up", "warmup_steps", "start_steps", "num_steps_sampled_before_learning_starts"),
    "updates": ("train_freq", "gradient_steps", "updates_per_step", "num_updates", "utd"),
    "n_step": ("q_nstep", "nstep", "n_steps", "num_steps"),
    "rollout": (
        *("train_freq", "num_steps_per_env", "rollout_length", "unroll_length", "horizon", "n_steps", "num_steps"),
        *("rollout_steps", "rollout_fragment_length"),
    ),
    "clip": ("grad_norm_clip", "max_grad_norm", "grad_clip", "gradient_clip", "clip_grad", "clip_norm"),
    "epsilon_start": ("epsilon", "eps_start", "initial_epsilon", "exploration_initial_eps", "start_e"),
    "epsilon_end": ("epsilon_finish", "eps_end", "epsilon_final", "final_epsilon", "exploration_final_eps", "end_e"),
    "epsilon_steps": ("epsilon_anneal_time", "epsilon_timesteps", "epsilon_decay", "eps_decay", "exploration_fraction"),
    "hidden": ("hidden_dim", "hidden_size", "hidden_sizes", "hidden_units", "rnn_hidden_dim", "fcnet_hiddens", "width"),
    "recurrent": ("use_rnn", "rnn", "gru", "lstm", "use_recurrent_policy", "use_lstm"),
    "shared": ("share", "share_policy", "parameter_sharing", "param_sharing", "sharing", "agent"),
    "ids": ("obs_agent_id", "agent_id", "agent_ids", "use_agent_id"),
    "last_action": ("obs_last_action", "last_actions", "use_last_action"),
    "scale_rewards": (
        "standardise_rewards",
        "standardize_rewards",
        "normalize_rewards",
        "reward_scaling",
        "norm_reward",
    ),
    "scale_values": ("standardise_returns", "standardize_returns", "use_popart", "popart", "use_valuenorm"),
    "scale_inputs": ("norm_obs", "normalize_observations", "use_feature_normalization", "obs_normalization"),
    "scale_advantages": ("norm_adv", "normalize_advantage", "standardise_advantages", "standardize_advantages"),
    "td_lambda": ("lambda", "lambda_", "lam", "lambd"),
    "gae_lambda": ("gae", "lambda", "lambda_", "lam", "td_lambda", "use_gae"),
    "double": ("double_q", "double_dqn", "use_double_q"),
    "dueling": ("dueling_dqn", "duelling", "use_dueling"),
    "target_rate": ("target_update_interval_or_tau", "tau", "polyak", "soft_update", "target_tau", "target_update_tau"),
    "target_every": ("target_update_interval", "target_update_freq", "target_network_update_freq", "target_update"),
    "priority": ("per", "per_alpha", "prioritized_replay", "prioritised_replay", "prioritized_replay_alpha"),
    "priority_beta": ("per_beta", "prioritized_replay_beta"),
    "entropy": ("entropy_coef", "ent_coef", "entropy_coeff", "entropy_coefficient"),
    "ratio_clip": ("eps_clip", "clip_range", "clip_coef", "clip_param", "ppo_clip", "clip_epsilon"),
    "value_clip": ("clip_vloss", "clip_range_vf", "vf_clip_param", "use_clipped_value_loss"),
    "kl_stop": ("target_kl", "kl_target", "max_kl"),
    "epochs": ("ppo_epoch", "n_epochs", "update_epochs", "num_epochs", "num_sgd_iter"),
    "minibatches": ("num_minibatches", "num_mini_batch", "n_minibatches", "minibatch", "sgd_minibatch_size"),
    "central": ("central_critic", "critic_type", "central_v", "use_centralized_V", "centralized_critic"),
    "orthogonal": ("use_orthogonal", "orthogonal_init", "ortho_init"),
    "max_kl": ("delta", "kl_threshold", "max_kl_divergence", "trust_region"),
    "damping": ("cg_damping", "fisher_damping"),
    "products": ("cg_iters", "cg_max_steps", "cg_iterations"),
    "halvings": ("line_search_max_iter", "backtrack_iters", "ls_step"),
    "group": ("group_size", "num_generations"),
    "proximity": ("kl_coef", "kl_coeff", "kl_penalty", "beta"),
    "magnet": ("magnet_coef", "kl_to_magnet", "ref_kl"),
    "baseline": ("use_baseline",),
    "opt": ("opt_loss", "lambda_opt"),
    "nopt": ("nopt_min_loss", "nopt_loss", "lambda_nopt"),
    "policy_every": ("policy_delay", "policy_frequency", "policy_freq", "actor_update_interval", "delay"),
    "target_noise": ("target_policy_noise", "policy_noise", "smoothing_noise", "target_action_noise"),
    "target_clip": ("target_noise_clip", "noise_clip"),
    "noise_size": ("action_noise", "exploration_noise", "expl_noise", "sigma", "noise_std", "ou_sigma", "noise_scale"),
    "noise_pull": ("theta", "ou_theta"),
    "random_steps": ("start_timesteps", "start_steps", "learning_starts", "random_exploration_steps"),
    "critics": ("n_critics", "num_critics", "num_qs"),
    "temperature": (
        "alpha",
        "ent_coef",
        "init_temperature",
        "entropy_coef",
        "gumbel_temperature",
        "tau_gumbel",
        "softmax_temperature",
    ),
    "tune": ("autotune", "auto_alpha", "automatic_entropy_tuning", "auto_entropy", "learn_alpha"),
    "number_entropy": ("target_entropy", "target_entropy_scale"),
    "choice_entropy": ("target_entropy_ratio", "target_entropy_scale"),
    "penalty": ("actor_reg", "reg", "regularisation", "regularization"),
    "noisy": ("noisy_net", "noisy_nets", "use_noisy", "noisy_layers"),
    "atoms": ("num_atoms", "n_atoms", "atom_size", "categorical_atoms"),
    "value_low": ("v_min", "vmin"),
    "value_high": ("v_max", "vmax"),
    "body": ("network_arch", "net_arch", "architecture", "network", "policy_network", "encoder", "torso", "model"),
    "roles": ("agent_types", "agent_groups", "policy_mapping"),
    "explore": ("exploration", "exploration_strategy", "action_selector", "explorer", "exploration_config"),
    "confidence": ("ucb_c", "c_ucb", "ucb_coef"),
    "novelty": ("intrinsic_reward", "intrinsic", "rnd", "count_based", "bonus", "exploration_bonus"),
    "curiosity": ("intrinsic_coef", "int_coef", "intrinsic_reward_coef", "rnd_coef", "bonus_coef", "novelty_coef"),
    "credit": ("rudder", "reward_redistribution", "redistribution", "return_decomposition"),
    "weighting": ("weighting_type", "ow", "cw", "hysteretic_qmix"),
    "alpha": ("w", "weight", "wqmix_alpha"),
    "pairs": ("pop_size", "popsize", "population", "population_size"),
    "joint_hidden": ("mixing_embed_dim", "qtran_hidden"),
    "greedy": ("test_greedy", "evaluation_greedy", "deterministic"),
}
_DEVICE = "where networks run is the argument device (--device cpu or cuda)"
_LONG = "how long a run trains is the argument steps (--steps)"
_ELSEWHERE = {
    **dict.fromkeys(("device", "cuda", "use_cuda", "gpu", "gpus", "num_gpus", "use_gpu", "buffer_cpu_only"), _DEVICE),
    **dict.fromkeys(("t_max", "total_timesteps", "timesteps", "max_steps", "num_env_steps", "total_steps"), _LONG),
    **dict.fromkeys(("test_nepisode", "n_eval_episodes"), "that is the argument test_episodes (--test-episodes)"),
    **dict.fromkeys(("test_interval", "eval_freq", "eval_interval"), "that is the argument test_every (--test-every)"),
    **dict.fromkeys(("optimizer", "optimiser", "optim_alpha", "optim_eps"), "Adam is the one optimiser there is"),
    **dict.fromkeys(("save_model", "save_model_interval"), "a run with out= (--out) is kept, once a minute"),
    **dict.fromkeys(("use_tensorboard", "log_interval"), "a run with out= (--out) writes TensorBoard's events"),
}
_LEARNERS = {
    "double_dqn": "dqn with double=true, and d3qn with dueling too",
    "ddqn": "dqn with double=true, and d3qn with dueling too",
    "dueling_dqn": "dqn with dueling=true",
    "dddqn": "it is d3qn",
    "c51": "dqn with atoms=51",
    "noisy_dqn": "dqn with noisy=true",
    "soft_actor_critic": "it is sac",
    "iddpg": "ddpg with several agents: each for itself",
    "itd3": "td3 with several agents: each for itself",
    "isac": "sac with several agents: each for itself",
    "q_learning": "it is iql",
    "ppo": "it is ippo, or mappo with a critic that sees the state",
    "a3c": "it is ia2c, or a2c with a critic that sees the state",
    "maa2c": "it is a2c",
    "ia3c": "it is ia2c",
    "qtran_base": "it is qtran",
    "ow_qmix": "wqmix with weighting=ow",
    "cw_qmix": "it is wqmix",
    "weighted_qmix": "it is wqmix",
    "pqn_vdn": "pqn with mixer=vdn",
    "pgpe_clipup": "it is pgpe",
    "rudder": "any learner of whole episodes with credit=rudder",
    "rnd": "any learner with novelty=rnd",
    "vpg": "it is reinforce, or ia2c where critics stand in for what comes later",
    "policy_gradient": "it is reinforce, or ia2c where critics stand in for what comes later",
    "natural_policy_gradient": "it is trpo",
    "mmd": "the learner is magnetic_ppo; mmd is a solver",
    "kimi": "it is mdpo with squared=true",
    "hysteretic": "iql with pessimism below 1 is hysteretic Q-learning",
}


def hint_of_setting(name: str, known: Collection[str]) -> str:
    """Return what a setting that goes by this name elsewhere is called, of those known here, or nothing."""
    word = name.strip().lower().replace("-", "_")
    if word in _ELSEWHERE:
        return _ELSEWHERE[word]
    ours = next((own for own, others in _SETTINGS.items() if own in known and (word in others or word == own)), "")
    return f"it is called {ours} here" if ours else ""


def hint_of_learner(name: str) -> str:
    """Return what a learner that goes by this name elsewhere is here, or nothing."""
    return _LEARNERS.get(name.lower().replace("-", "_"), "")
