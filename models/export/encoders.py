"""Encoders of the transformers library, from their published configurations."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers as hf

import zoo
from export import trace
from export.fill import fill
from recipe import Recipe

_CONFIGS = {
    "bert-base-uncased": (hf.BertModel, hf.BertConfig()),
    "bert-large-uncased": (
        hf.BertModel,
        hf.BertConfig(
            hidden_size=1024,
            num_hidden_layers=24,
            num_attention_heads=16,
            intermediate_size=4096,
        ),
    ),
    "distilbert-base-uncased": (hf.DistilBertModel, hf.DistilBertConfig()),
    "roberta-base": (
        hf.RobertaModel,
        hf.RobertaConfig(
            vocab_size=50265,
            max_position_embeddings=514,
            type_vocab_size=1,
            layer_norm_eps=1e-5,
        ),
    ),
    "albert-base-v2": (
        hf.AlbertModel,
        hf.AlbertConfig(
            hidden_size=768,
            num_attention_heads=12,
            intermediate_size=3072,
            hidden_dropout_prob=0,
            attention_probs_dropout_prob=0,
        ),
    ),
    "openai/whisper-tiny": (
        hf.WhisperModel,
        hf.WhisperConfig(
            d_model=384,
            encoder_layers=4,
            encoder_attention_heads=6,
            encoder_ffn_dim=1536,
            decoder_layers=4,
            decoder_attention_heads=6,
            decoder_ffn_dim=1536,
        ),
    ),
    "openai/whisper-base": (
        hf.WhisperModel,
        hf.WhisperConfig(
            d_model=512,
            encoder_layers=6,
            encoder_attention_heads=8,
            encoder_ffn_dim=2048,
            decoder_layers=6,
            decoder_attention_heads=8,
            decoder_ffn_dim=2048,
        ),
    ),
    "apple/mobilevit-small": (hf.MobileViTModel, hf.MobileViTConfig()),
    "facebook/deit-small-patch16-224": (
        hf.DeiTModel,
        hf.DeiTConfig(hidden_size=384, num_attention_heads=6, intermediate_size=1536),
    ),
}


def export(model: zoo.Model, path: Path, pretrained: bool) -> list[Recipe]:
    """Export an encoder (of Whisper, the encoder half) to path."""
    torch.manual_seed(0)
    kind, config = _CONFIGS[model.source]
    module = kind.from_pretrained(model.source) if pretrained else kind(config)
    if model.family == "whisper":
        module = module.get_encoder()
    recipes = [] if pretrained else fill(module, model)
    trace.save(module, model, path)
    return recipes
