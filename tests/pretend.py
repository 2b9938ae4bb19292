"""A device that is none: its tensors lie in ordinary memory, and refuse to be mixed with the CPU's or read as arrays.

With it the path that learners take on a GPU is tested where there is none: `DEVICE` is PyTorch's `PrivateUse1`, with
one fallback for all operations. It has to be imported before the first backward pass, and stays for as long as the
process, which is why `test_devices.py` runs `elsewhere.py` in one of its own.
"""

import torch
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_setup_privateuseone_for_python_backend("pretend")
DEVICE = torch.device("pretend", 0)
_library = torch.library.Library("_", "IMPL")
_META = torch._C.DispatchKeySet(torch._C.DispatchKey.Meta)
_held = {}  # what lies where: (storage, its numbers on the CPU), by the storage's address


def _pretends(value):
    return isinstance(value, torch.Tensor) and value.device.type == DEVICE.type


def _here(value):
    """Return what a pretended tensor holds, and anything else as it is, but for devices."""
    if _pretends(value):
        held = _held[value.untyped_storage()._cdata][1]
        return held.as_strided(value.shape, value.stride(), value.storage_offset())
    return torch.device("cpu") if isinstance(value, torch.device) else value


def _there(value):
    if not isinstance(value, torch.Tensor):
        return value
    found = torch._C._acc.create_empty_tensor(list(value.shape), value.dtype)
    storage = found.untyped_storage()
    _held[storage._cdata] = storage, value.contiguous() if value.storage_offset() == 0 else value.clone()
    return found


@torch.inference_mode(False)
@torch.no_grad()
def _fallback(op, *args, **kwargs):
    if op.name() == "aten::_copy_from":
        _here(args[1]).copy_(_here(args[0]))
        return args[1]
    if op.name() in ("aten::as_strided", "aten::view"):  # the same storage
        return op.redispatch(_META, *args, **kwargs)
    kinds = (argument.type.kind() for argument in op._schema.arguments)
    args = [
        torch.tensor(value) if kind == "TensorType" and type(value) in (int, float) else value
        for value, kind in zip(args, kinds, strict=False)  # what is left out has its default
    ]
    given, shape = tree_flatten((args, kwargs))
    strangers = [value for value in given if isinstance(value, torch.Tensor) and not _pretends(value) and value.dim()]
    assert not strangers, f"{op.name()} mixes devices"
    held = list(map(_here, given))
    known = {id(inner): outer for inner, outer in zip(held, given, strict=True) if _pretends(outer)}

    def returned(value):
        outer = known.get(id(value))
        if outer is None:
            return _there(value)
        if outer.shape != value.shape:  # an output that was to be resized
            outer.data = _there(value)
        return outer

    positional, named = shape.unflatten(held)
    return tree_map(returned, op(*positional, **named))


_library.fallback(_fallback, "PrivateUse1")
