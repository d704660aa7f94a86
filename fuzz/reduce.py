"""Failures shrink by themselves: the smallest model for which something still holds (delta debugging).

Tried in turn until nothing helps: what no output needs goes, another value is the only output, an output goes, a value
becomes an input (what computed it goes), a node that nobody reads goes, a node is passed over.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import onnx
from onnx import helper

Holds = Callable[[onnx.ModelProto, dict[str, np.ndarray]], bool]
Case = tuple[onnx.ModelProto, dict[str, np.ndarray]]


def captured(graph: onnx.GraphProto) -> set[str]:
    """Return every name that nodes of a graph and of its bodies read."""
    names = {v.name for v in graph.output}
    for node in graph.node:
        names.update(node.input)
        for attribute in node.attribute:
            for body in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                names |= captured(body)
    return names


def called(nodes) -> set[str]:
    """Return the operators of nodes and of their bodies."""
    names = set()
    for node in nodes:
        names.add(node.op_type)
        for attribute in node.attribute:
            for body in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                names |= called(body.node)
    return names


def prune(case: Case) -> Case:
    """Remove what no output needs."""
    model, feeds = case
    graph = model.graph
    before = -1
    while before != len(graph.node):
        before = len(graph.node)
        used = captured(graph)
        kept = [n for n in graph.node if any(o in used for o in n.output)]
        del graph.node[:]
        graph.node.extend(kept)
    used = captured(graph)
    for field in (graph.input, graph.initializer):
        kept = [x for x in field if x.name in used]
        del field[:]
        field.extend(kept)
    names = called(graph.node).union(*(called(f.node) for f in model.functions))
    kept = [f for f in model.functions if f.name in names]
    del model.functions[:]
    model.functions.extend(kept)
    names = {v.name for v in graph.input}
    return model, {k: v for k, v in feeds.items() if k in names}


def copy(case: Case) -> Case:
    """Return a copy that may be edited."""
    model = onnx.ModelProto()
    model.CopyFrom(case[0])
    return model, dict(case[1])


def smaller(case: Case, values: dict[str, np.ndarray]) -> Iterator[Case]:
    """Yield cases that are a step smaller; values are what the model computes."""
    for node in case[0].graph.node:
        if node.output[0] in values:
            model, feeds = copy(case)
            del model.graph.output[:]
            model.graph.output.append(info(node.output[0], values[node.output[0]]))
            yield model, feeds
    for i in range(len(case[0].graph.output) if len(case[0].graph.output) > 1 else 0):
        model, feeds = copy(case)
        del model.graph.output[i]
        yield model, feeds
    read = captured(case[0].graph)
    for i, node in enumerate(case[0].graph.node):
        if not any(o in read for o in node.output):
            model, feeds = copy(case)
            del model.graph.node[i]
            yield model, feeds
    for i, node in reversed(list(enumerate(case[0].graph.node))):
        if all(o in values for o in node.output if o):
            model, feeds = copy(case)
            del model.graph.node[i]
            for name in node.output:
                as_input(model, feeds, name, values[name])
            yield model, feeds
    for i, node in enumerate(case[0].graph.node):
        own = values.get(node.output[0])
        for source in dict.fromkeys(node.input):
            there = values.get(source)
            if own is None or there is None or there.shape != own.shape or there.dtype != own.dtype:
                continue
            model, feeds = copy(case)
            del model.graph.node[i]
            rename(model.graph, node.output[0], source)
            yield model, feeds


def rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Let every reader of a value, in bodies too, read another one."""
    for node in graph.node:
        for k, name in enumerate(node.input):
            if name == old:
                node.input[k] = new
        for attribute in node.attribute:
            if attribute.HasField("g"):
                rename(attribute.g, old, new)


def info(name: str, value: np.ndarray) -> onnx.ValueInfoProto:
    """Return the declaration of a value."""
    dtype = helper.np_dtype_to_tensor_dtype(value.dtype)
    return helper.make_tensor_value_info(name, dtype, value.shape)


def as_input(model: onnx.ModelProto, feeds: dict, name: str, value: np.ndarray) -> None:
    """Declare a value as a graph input."""
    if name and name not in {o.name for o in model.graph.output}:
        model.graph.input.append(info(name, value))
        feeds[name] = value


def weight(case: Case) -> tuple[int, int]:
    """Return what shall fall: nodes, then bytes."""
    return len(case[0].graph.node), case[0].ByteSize()


def reduce(case: Case, holds: Holds, intermediate: Callable[[Case], dict[str, np.ndarray]]) -> Case:
    """Return the smallest case found for which `holds`."""
    case = copy(case)
    progress = True
    while progress:
        progress = False
        steps = itertools.chain([copy(case)], smaller(case, intermediate(case)))
        # What no output needs may matter all the same.
        for candidate in itertools.chain.from_iterable((prune(copy(s)), s) for s in steps):
            if weight(candidate) < weight(case) and holds(*candidate):
                case, progress = candidate, True
                break
    return case
