"""Decoders of the transformers library, without a cache of past keys and values."""

from __future__ import annotations

import tempfile
from pathlib import Path

import onnx
import torch
import transformers as hf

import zoo
from export import trace
from export.cut import KEEP
from export.fill import fill
from recipe import Recipe


def _phi_config() -> hf.PhiConfig:
    return hf.PhiConfig(
        hidden_size=2560,
        intermediate_size=10240,
        num_hidden_layers=32,
        num_attention_heads=32,
        partial_rotary_factor=0.4,
        resid_pdrop=0.1,
    )


def _whisper_config() -> hf.WhisperConfig:
    return hf.WhisperConfig(
        d_model=384,
        encoder_layers=4,
        encoder_attention_heads=6,
        encoder_ffn_dim=1536,
        decoder_layers=4,
        decoder_attention_heads=6,
        decoder_ffn_dim=1536,
    )


class _Bound(torch.nn.Module):
    """A decoder as a function of its named tensors alone.

    By itself the exporter makes every other argument that has a default an input.
    """

    def __init__(self, decoder: torch.nn.Module, names: list[str]) -> None:
        super().__init__()
        self.decoder, self.names = decoder, names

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        given = dict(zip(self.names, tensors, strict=True))
        return self.decoder(**given, use_cache=False)[0]


def _load(model: zoo.Model, pretrained: bool) -> torch.nn.Module:
    if model.family == "whisper":
        kind, config, dtype = hf.WhisperModel, _whisper_config(), torch.float32
    else:
        kind, config, dtype = hf.PhiForCausalLM, _phi_config(), torch.float16
    module = (
        kind.from_pretrained(model.source, torch_dtype=dtype)
        if pretrained
        else kind._from_config(config, torch_dtype=dtype)
    )
    decoder = module.get_decoder() if model.family == "whisper" else module
    return _Bound(decoder, [spec.name for spec in model.inputs])


def _save_with_data_file(module: torch.nn.Module, model: zoo.Model, path: Path) -> None:
    """Export a model that protobuf cannot hold.

    The exporter then writes one file per parameter; they become one data file.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        scattered = Path(folder) / path.name
        trace.save(module, model, scattered)
        module.to("meta")  # frees the memory of the weights
        proto = onnx.load(scattered)
    data = path.with_name(f"{path.name}.data")
    data.unlink(missing_ok=True)  # onnx would append to it
    onnx.save_model(
        proto,
        path,
        save_as_external_data=True,
        location=data.name,
        size_threshold=KEEP,
    )


def export(model: zoo.Model, path: Path, pretrained: bool) -> list[Recipe]:
    """Export a decoder to path."""
    torch.manual_seed(0)
    module = _load(model, pretrained)
    recipes = [] if pretrained else fill(module, model)
    save = trace.save if model.family == "whisper" else _save_with_data_file
    save(module, model, path)
    return recipes
