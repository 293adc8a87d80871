"""How much memory TensorFlow Lite Micro will take, where its interpreter is not here to tell."""

from __future__ import annotations

import numpy as np

from open_seq2seq.exporting.flatbuffer import operator_codes, read_tree

# bytes that it keeps, read off its 64-bit build; a 32-bit one keeps about half
_PER_TENSOR = 24
_PER_NODE = 128  # with what a kernel keeps of its own
_PER_CHANNEL = 8  # multiplier and shift of a convolution's output
_PLAN_PER_TENSOR = 56
_FIXED = 1024
_ALIGNMENT = 16


def estimate_arena(model: bytes) -> int:
    """Return the size of the tensor arena of a LiteRT file in bytes.

    Activations take as much as the operator with the largest inputs and outputs, and a quarter
    more for those that wait for a later one; in a small network, what their plan takes is more.
    """
    from ai_edge_litert import schema_py_generated as schema

    tree = read_tree(model)
    codes = operator_codes(tree)
    read_variable = schema.BuiltinOperator.READ_VARIABLE
    kept, largest = _FIXED, 0
    for graph in tree.subgraphs:
        sizes = [int(np.prod(tensor.shape)) for tensor in graph.tensors]
        is_constant = [tree.buffers[tensor.buffer].data is not None for tensor in graph.tensors]
        kept += _PER_TENSOR * len(graph.tensors) + _PER_NODE * len(graph.operators)
        for tensor, constant in zip(graph.tensors, is_constant, strict=True):
            scales = getattr(tensor.quantization, "scale", None)
            is_kernel = constant and tensor.type == schema.TensorType.INT8
            if is_kernel and scales is not None and len(scales) > 1:
                kept += _PER_CHANNEL * len(scales)
        for operator in graph.operators:
            touched = [i for i in (*operator.inputs, *operator.outputs) if i >= 0]
            largest = max(largest, sum(sizes[i] for i in touched if not is_constant[i]))
            if codes[operator.opcodeIndex] == read_variable:
                kept += sizes[operator.outputs[0]]
    n_tensors = sum(len(graph.tensors) for graph in tree.subgraphs)
    total = kept + max(largest * 5 // 4, _PLAN_PER_TENSOR * n_tensors)
    return -(-total // _ALIGNMENT) * _ALIGNMENT
