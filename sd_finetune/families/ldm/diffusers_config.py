"""The sizes of a model's parts from the `config.json` of each, as diffusers and transformers write them.

    unet_sizes_of(config), vae_sizes_of(config), clip_sizes_of(config, hidden_act, with_projection) -> the sizes
    image_size_of(config, default), scale_factor_of(config)
    noise_of(config of the scheduler) -> {field of an architecture: value}
    usual_module_name(part, name) -> the newest name of a module's tensor

What a config leaves out is as in the libraries. Raises UserError for what no model of these families has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ...errors import UserError
from ...reading.plain import shown
from .agreement import number, whole_number
from .sizes import SIZE_EMBEDDING, TextEncoderSizes, UNetSizes, VaeSizes
from .vae_names import usual_vae_name

Config = Mapping[str, Any]

UNET_FACTS: Config = {
    "act_fn": "silu", "norm_num_groups": 32, "norm_eps": 1e-5, "flip_sin_to_cos": True, "freq_shift": 0,
    "center_input_sample": False, "downsample_padding": 1, "mid_block_scale_factor": 1,
    "mid_block_type": "UNetMidBlock2DCrossAttn", "dual_cross_attention": False, "only_cross_attention": False,
    "class_embed_type": None, "num_class_embeds": None, "encoder_hid_dim": None, "time_cond_proj_dim": None,
    "resnet_time_scale_shift": "default", "time_embedding_type": "positional", "timestep_post_act": None,
    "conv_in_kernel": 3, "conv_out_kernel": 3, "reverse_transformer_layers_per_block": None,
    "attention_type": "default", "resnet_skip_time_act": False,
}  # fmt: skip
"""What all UNets of these families have, which their weights do not show."""
VAE_FACTS: Config = {
    "act_fn": "silu", "norm_num_groups": 32, "latents_mean": None, "latents_std": None, "shift_factor": None,
    "use_quant_conv": True, "use_post_quant_conv": True, "mid_block_add_attention": True,
}  # fmt: skip
SCHEDULER_FACTS: Config = {"beta_schedule": "scaled_linear", "trained_betas": None}
CLIP_START = ("embeddings.", "encoder.", "final_layer_norm.")
"""Beginnings of names in CLIP's network, which some files have without that network's own."""
MOST_LEVELS, MOST_BLOCKS, MOST_DEPTH, MOST_LAYERS, MOST_WIDTH = 8, 10, 50, 100, 100_000


def unet_sizes_of(config: Config) -> UNetSizes:
    """Of `unet/config.json`."""
    _refuse_others("UNet", config, UNET_FACTS)
    channels = _numbers(config, "block_out_channels", (320, 640, 1280, 1280), MOST_WIDTH)
    levels = range(len(channels))
    kinds = _list(config, "down_block_types", ("CrossAttnDownBlock2D",) * (len(channels) - 1) + ("DownBlock2D",))
    depths = _for_each(config, "transformer_layers_per_block", len(channels), MOST_DEPTH)
    heads = config.get("num_attention_heads") or config.get("attention_head_dim")
    widths = _widths_of_heads(channels, heads)
    sizes = UNetSizes(
        in_channels=whole_number(config, "in_channels", 4, 1000),
        out_channels=whole_number(config, "out_channels", 4, 1000),
        model_channels=channels[0],
        channel_mult=tuple(width // channels[0] for width in channels),
        num_res_blocks=_for_each(config, "layers_per_block", 1, MOST_BLOCKS, 2)[0],
        attention_resolutions=tuple(
            2**level for level in levels if kinds[level : level + 1] == ["CrossAttnDownBlock2D"]
        )[::-1],
        num_heads=0 if widths else whole_number({"attention_head_dim": _first(heads)}, "attention_head_dim", 8, 1000),
        num_head_channels=widths,
        transformer_depth=depths,
        context_dim=_for_each(config, "cross_attention_dim", 1, MOST_WIDTH, 1280)[0],
        use_linear_in_transformer=config.get("use_linear_projection") is True,
        adm_in_channels=_vector(config),
    )
    own = sizes.arguments(0)
    compared = ("block_out_channels", "down_block_types", "up_block_types", "addition_embed_type")
    compared += ("layers_per_block", "cross_attention_dim")
    _refuse_others("UNet", config, {name: own.get(name) for name in compared})
    return sizes


def _widths_of_heads(channels: tuple[int, ...], heads: Any) -> int:
    """Of all heads, where a config gives their number for each level; 0 where not all are of one width."""
    each = cast("list[Any]", heads) if isinstance(heads, list) else []
    if len(each) != len(channels) or not all(type(one) is int and one > 0 for one in each):
        return 0
    widths = {width // one for width, one in zip(channels, each, strict=True)}
    return widths.pop() if len(widths) == 1 else 0


def _vector(config: Config) -> int:
    if config.get("addition_embed_type") != "text_time":
        return 0
    _refuse_others("UNet", config, {"addition_time_embed_dim": SIZE_EMBEDDING})
    return whole_number(config, "projection_class_embeddings_input_dim", 0, MOST_WIDTH, least=0)


def image_size_of(config: Config, default: int) -> int:
    """Side of the images that the UNet was trained on, in latent pixels."""
    size = config.get("sample_size")
    return default if size is None or isinstance(size, list) else whole_number(config, "sample_size", default, 1024)


def vae_sizes_of(config: Config) -> VaeSizes:
    """Of `vae/config.json`."""
    _refuse_others("VAE", config, VAE_FACTS)
    channels = _numbers(config, "block_out_channels", (64,), MOST_WIDTH)
    latent = whole_number(config, "latent_channels", 4, 1000)
    sizes = VaeSizes(
        in_channels=whole_number(config, "in_channels", 3, 1000),
        out_ch=whole_number(config, "out_channels", 3, 1000),
        ch=channels[0],
        ch_mult=tuple(width // channels[0] for width in channels),
        num_res_blocks=whole_number(config, "layers_per_block", 1, MOST_BLOCKS, least=0),
        z_channels=latent,
        embed_dim=latent,
    )
    own = sizes.arguments(1, 1)
    _refuse_others("VAE", config, {name: own[name] for name in ("down_block_types", "up_block_types")})
    return sizes


def scale_factor_of(config: Config) -> float:
    """Of `vae/config.json`, whose older ones do not have it."""
    return number(config, "scaling_factor", 0.18215, 1e-4, 1e4)


def clip_sizes_of(config: Config, hidden_act: str = "quick_gelu", with_projection: bool = False) -> TextEncoderSizes:
    """Of a text encoder's `config.json`."""
    _refuse_others("text encoder", config, {"hidden_act": hidden_act})
    return TextEncoderSizes(
        vocab_size=whole_number(config, "vocab_size", 49408, 1_000_000),
        max_position_embeddings=whole_number(config, "max_position_embeddings", 77, 10_000),
        hidden_size=whole_number(config, "hidden_size", 512, MOST_WIDTH),
        intermediate_size=whole_number(config, "intermediate_size", 2048, MOST_WIDTH),
        num_hidden_layers=whole_number(config, "num_hidden_layers", 12, MOST_LAYERS),
        num_attention_heads=whole_number(config, "num_attention_heads", 8, 1000),
        projection_dim=whole_number(config, "projection_dim", 512, MOST_WIDTH) if with_projection else 0,
        hidden_act=hidden_act,
    )


def noise_of(config: Config) -> dict[str, Any]:
    """Of `scheduler/scheduler_config.json`: what is predicted, and the noise schedule."""
    if str(config.get("_class_name")).startswith("EDM"):
        raise UserError(
            "The model was trained with another kind of noise (EDM), as Playground v2.5 and CosXL: choose another one."
        )
    _refuse_others("scheduler", config, SCHEDULER_FACTS)
    predicts = config.get("prediction_type", "epsilon")
    if predicts not in ("epsilon", "v_prediction"):
        raise UserError(
            f"The scheduler's prediction_type is {shown(predicts)}: choose a model that predicts epsilon (noise) or "
            "v_prediction."
        )
    return {
        "prediction_type": predicts,
        "zero_terminal_snr": config.get("rescale_betas_zero_snr") is True,
        "linear_start": number(config, "beta_start", 0.0001, 1e-8, 0.999),
        "linear_end": number(config, "beta_end", 0.02, 1e-8, 0.999),
        "timesteps": whole_number(config, "num_train_timesteps", 1000, 10_000),
    }


def usual_module_name(part: str, name: str) -> str:
    """As the newest version of its library calls a tensor."""
    if part == "vae":
        return usual_vae_name(name)
    return f"text_model.{name}" if part.startswith("text_encoder") and name.startswith(CLIP_START) else name


def _refuse_others(title: str, config: Config, facts: Config) -> None:
    """Raise UserError if a config says otherwise."""
    for name, value in facts.items():
        said = config.get(name, value)
        if _plain(said) != _plain(value):
            raise UserError(
                f"The config of its {title} says {name} {shown(said)}, and only {shown(_plain(value))} is supported: "
                "choose another model."
            )


def _plain(value: Any) -> Any:
    """With lists for tuples, and one number where all of a list are the same."""
    if not isinstance(value, (list, tuple)):
        return value
    listed: list[Any] = list(cast("list[Any]", value))
    same = listed and type(listed[0]) is int and all(each == listed[0] for each in listed)
    return listed[0] if same else listed


def _first(value: Any) -> Any:
    listed: list[Any] = cast("list[Any]", value) if isinstance(value, list) else []
    return listed[0] if listed else cast("Any", value)


def _list(config: Config, name: str, default: tuple[Any, ...]) -> list[Any]:
    value = config.get(name)
    return cast("list[Any]", value) if isinstance(value, list) else [*default]


def _numbers(config: Config, name: str, default: tuple[int, ...], most: int) -> tuple[int, ...]:
    """A list of numbers, one for each level."""
    values = _list(config, name, default)
    if not 0 < len(values) <= MOST_LEVELS:
        raise UserError(
            f"The config says {name} {shown(values)}, which are not 1 to {MOST_LEVELS} numbers: correct it."
        )
    return tuple(whole_number({name: value}, name, 0, most) for value in values)


def _for_each(config: Config, name: str, levels: int, most: int, default: int = 1) -> tuple[int, ...]:
    """A number that a config has once or for each level."""
    value = config.get(name)
    each: list[Any] = cast("list[Any]", value) if isinstance(value, list) and value else [value] * levels
    if len(each) < levels or len(each) > MOST_LEVELS:
        raise UserError(f"The config says {name} {shown(value)}, which is not one number for each level: correct it.")
    return tuple(whole_number({name: one}, name, default, most) for one in each)
