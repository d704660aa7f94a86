"""Names of the peers' optimizations, and the passes or rules of ours that do the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from onnxslim._library import PassInfo, RuleInfo, lib
from onnxslim.errors import UsageError


def pass_names() -> list[str]:
    """Return the names of all passes, in pipeline order."""
    names: list[str] = []
    info = PassInfo()
    while lib.onnxslim_pass_info(len(names), info):
        names.append(info.name.decode())
    return names


def rule_names() -> list[str]:
    """Return the names of all rules, in the order they are tried."""
    names: list[str] = []
    info = RuleInfo()
    while lib.onnxslim_rule_info(len(names), info):
        names.append(info.name.decode())
    return names


# inisis' OnnxSlim: skip_optimizations. graph_fusion is whatever none of the others is.
_FOLDING = ("fold_constants",)
_DEAD = ("eliminate_dead_nodes", "eliminate_unused_initializers")
_EQUAL = ("common-subexpression",)
_TYING = ("duplicate-initializer", "duplicate-constant-node")
_OTHERS = (*_FOLDING, *_DEAD, "eliminate_duplicate_constants")


def _fusion() -> tuple[str, ...]:
    return tuple(name for name in pass_names() if name not in _OTHERS)


OPTIMIZATIONS = (
    "constant_folding",
    "graph_fusion",
    "dead_node_elimination",
    "subexpression_elimination",
    "weight_tying",
)


def skipped_by_optimization(names: Iterable[str]) -> list[str]:
    """Return the passes and rules that OnnxSlim's ``skip_optimizations`` leaves out.

    Raises:
        UsageError: there is no optimization of this name.
    """
    skip: list[str] = []
    for name in names:
        if name not in OPTIMIZATIONS:
            raise UsageError(
                f"there is no optimization '{name}'; there are {', '.join(OPTIMIZATIONS)}"
            )
        skip += {
            "constant_folding": _FOLDING,
            "dead_node_elimination": _DEAD,
            "subexpression_elimination": _EQUAL,
            "weight_tying": _TYING,
        }.get(name) or _fusion()
    return skip


# inisis' OnnxSlim: skip_fusion_patterns.
PATTERNS: Mapping[str, tuple[str, ...]] = {
    "EliminationConcat": ("merge-concats", "join-pieces", "join-parts"),
    "EliminationReshape": ("merge-reshapes", "same-shape"),
    "EliminationReshapeAs": ("reshape-target", "reshape-target-part"),
    "EliminationSlice": ("merge-slices",),
    "EliminationTranspose": ("compose-transposes", "transpose-nothing"),
    "EliminationTransposeAsReshape": ("transpose-to-reshape",),
    "EliminationTransposeViewTranspose": ("transposes-across-reshape", "push-transposes"),
    "EliminationUnsqueeze": ("merge-reshapes",),
    "FusionConcatReshape": ("reshape-target", "reshape-target-part"),
    "FusionConvAdd": ("conv-add",),
    "FusionConvTransposeAdd": ("conv-add",),
    "FusionConvBN": ("conv-batchnorm",),
    "FusionConvTransposeBN": ("conv-batchnorm",),
    "FusionConvMul": ("conv-multiply",),
    "FusionConvTransposeMul": ("conv-multiply",),
    "FusionGelu": ("fuse_gelu",),
    "FusionGemm": ("matmul-add-to-gemm", "matmul-in-a-view", "gemm-in-a-view"),
    "FusionGemmAdd": ("gemm-add", "gemm-add-constants"),
    "FusionGemmMul": ("gemm-columns-factor", "gemm-factor", "matmul-factor"),
    "FusionPadConv": ("pad-conv",),
    "FusionReduce": ("keepdims",),
}


def skipped_by_pattern(names: Iterable[str]) -> list[str]:
    """Return the passes and rules that OnnxSlim's ``skip_fusion_patterns`` leaves out.

    Names of our own passes and rules stand for themselves.

    Raises:
        UsageError: there is no pattern, pass or rule of this name.
    """
    skip: list[str] = []
    own = {*pass_names(), *rule_names()}
    for name in names:
        if name not in PATTERNS and name not in own:
            raise UsageError(f"there is no fusion pattern '{name}'")
        skip += PATTERNS.get(name, (name,))
    return skip


# onnxsim: skipped_optimizers, the names of onnxoptimizer's passes. Several of ours stand for one of theirs.
OPTIMIZERS: Mapping[str, tuple[str, ...]] = {
    "eliminate_common_subexpression": _EQUAL,
    "eliminate_consecutive_idempotent_ops": ("repeated",),
    "eliminate_deadend": _DEAD,
    "eliminate_duplicate_initializer": _TYING,
    "eliminate_identity": ("identity",),
    "eliminate_if_with_const_cond": ("constant-if",),
    "eliminate_nop_cast": ("cast-to-same",),
    "eliminate_nop_concat": ("concat-of-one",),
    "eliminate_nop_dropout": ("inference-dropout",),
    "eliminate_nop_expand": ("same-shape",),
    "eliminate_nop_flatten": ("same-shape",),
    "eliminate_nop_monotone_argmax": (),
    "eliminate_nop_pad": ("pad-by-nothing",),
    "eliminate_nop_reshape": ("same-shape",),
    "eliminate_nop_split": ("split-into-one",),
    "eliminate_nop_transpose": ("transpose-nothing",),
    "eliminate_nop_with_unit": ("neutral-operand", "add-zero"),
    "eliminate_shape_gather": ("known-shape-value", "shared-shape"),
    "eliminate_shape_op": ("known-shape-value",),
    "eliminate_slice_after_shape": ("known-shape-value",),
    "eliminate_unused_initializer": ("eliminate_unused_initializers",),
    "extract_constant_to_initializer": ("constant-to-initializer",),
    "fuse_add_bias_into_conv": ("conv-add",),
    "fuse_bn_into_conv": ("conv-batchnorm",),
    "fuse_concat_into_reshape": ("reshape-target", "reshape-target-part"),
    "fuse_consecutive_concats": ("merge-concats",),
    "fuse_consecutive_reduce_unsqueeze": ("keepdims",),
    "fuse_consecutive_slices": ("merge-slices",),
    "fuse_consecutive_squeezes": ("merge-reshapes",),
    "fuse_consecutive_transposes": ("compose-transposes",),
    "fuse_consecutive_unsqueezes": ("merge-reshapes",),
    "fuse_matmul_add_bias_into_gemm": ("matmul-add-to-gemm",),
    "fuse_pad_into_conv": ("pad-conv",),
    "fuse_pad_into_pool": ("pad-maxpool", "pad-averagepool"),
    "fuse_transpose_into_gemm": ("gemm-transpose", "matmul-transpose-to-gemm"),
    "replace_einsum_with_matmul": ("einsum_to_matmul",),
}


def skipped_by_optimizer(names: Iterable[str]) -> list[str]:
    """Return the passes and rules that onnxsim's ``skipped_optimizers`` leaves out.

    A pass of onnxoptimizer that has no counterpart here does not run anyway and is passed over.
    """
    own = {*pass_names(), *rule_names()}
    skip: list[str] = []
    for name in names:
        skip += OPTIMIZERS.get(name, (name,) if name in own else ())
    return skip
