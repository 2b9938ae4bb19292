"""Two processes that do the same things together: this one and another."""

import multiprocessing
from contextlib import contextmanager, suppress

import torch

from counterplay.agents import together


def _other(port, heard):
    torch.set_num_threads(1)
    with suppress(EOFError, KeyboardInterrupt), together.joined(1, 2, together.meeting(port)):
        while True:
            function, arguments = heard.recv()
            try:
                heard.send(function(*arguments))
            except Exception as error:
                heard.send(error)


class Pair:
    """Calls functions in both processes at once."""

    def __init__(self, says):
        self.says = says

    def __call__(self, function, *arguments):
        """Return what a function of a module says in this process and in the other."""
        self.says.send((function, arguments))
        mine = function(*arguments)
        theirs = self.says.recv()
        if isinstance(theirs, Exception):
            raise theirs
        return mine, theirs


@contextmanager
def pair():
    """Yield a pair of processes."""
    context = multiprocessing.get_context("spawn")
    store, (says, heard) = together.meeting(), context.Pipe()
    process = context.Process(target=_other, args=(store.port, heard), daemon=True)
    process.start()
    heard.close()
    try:
        with together.joined(0, 2, store):
            yield Pair(says)
    finally:
        says.close()
        process.join(10)
        process.terminate()


@contextmanager
def alone():
    """Be one process for a while."""
    before, together._peers = together._peers, None
    try:
        yield
    finally:
        together._peers = before


# What both do, and one for comparison.


def share_of(episodes, cut):
    """Return this process's part of episodes: those before the cut, or those after it; all of them alone."""
    here = together.peers()
    part = slice(None) if here.size == 1 else slice(None, cut) if here.rank == 0 else slice(cut, None)
    return type(episodes)(*(None if array is None else array[part] for array in episodes))


def learned(name, spec, settings, episodes, cut):
    """Return the gradients that a learner follows when it learns from episodes, its scales and parameters then."""
    import numpy as np

    from counterplay.agents import find

    torch.set_num_threads(1)
    choice = find(name)
    learner = choice.make(spec, choice.with_settings(settings), 3)
    learner._laid = None  # one process alone would follow gradients in a kernel, where nobody notes them
    slopes, true = [], together.averaged

    def noted(*arguments):
        slopes.append([each.clone() for each in true(*arguments)])
        return slopes[-1]

    together.averaged = noted
    try:
        figures = learner.learn(share_of(episodes, cut), np.random.default_rng(together.peers().rank))
    finally:
        together.averaged = true
    scales = {key: part.clone() for key, part in learner.scales.state_dict().items()}
    return slopes, scales, [part.detach().clone() for part in learner.networks.parameters()], figures, learner.steps


def descended(shapes, steps, seed, how):
    """Return parameters after so many steps with gradients that differ between processes, and what was remembered."""
    from counterplay.agents.nn.adam import Adam

    generator = torch.Generator().manual_seed(seed)
    module = torch.nn.ParameterList([torch.randn(shape, generator=generator) for shape in shapes])
    adam = Adam([([module], 0.01)])
    own = torch.Generator().manual_seed(100 * seed + together.peers().rank)
    together.compress(how)
    try:
        for _ in range(steps):
            for parameter in module:
                parameter.grad = torch.randn(parameter.shape, generator=own)
            adam.step(10.0)
    finally:
        together.compress("none")
    memory = adam.compressing.get("powersgd")
    sent = None if memory is None else memory.compression_stats()
    return [parameter.detach().clone() for parameter in module], sent


def scaled(numbers, cut):
    """Return a scale that has taken in rows, each process its own."""
    from counterplay.agents.nn.networks import Scale

    scale, here = Scale(numbers.shape[1]), together.peers()
    scale.learn(numbers if here.size == 1 else numbers[:cut] if here.rank == 0 else numbers[cut:])
    return scale.state_dict()
