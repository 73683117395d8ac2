"""Options of other trainers (kohya's sd-scripts, diffusers, the Dreambooth extension), and their names here."""

from __future__ import annotations

from collections.abc import Mapping

_KOHYA = {
    "pretrained_model_name_or_path": "base.checkpoint",
    "network_weights": "base.continue_from",
    "output_name": "output.name",
    "output_dir": "output.folder",
    "save_precision": "output.precision",
    "save_every_n_steps": "output.save_every",
    "save_every_n_epochs": "output.save_every",
    "training_comment": "output.notes",
    "max_train_steps": "train.length",
    "max_train_epochs": "train.length",
    "train_batch_size": "train.batch_size",
    "learning_rate": "train.unet_learning_rate or textual_inversion.learning_rate",
    "unet_lr": "train.unet_learning_rate",
    "text_encoder_lr": "train.text_encoder_learning_rate",
    "learning_rate_te": "train.text_encoder_learning_rate",
    "network_train_unet_only": "train.train_text_encoder = false",
    "min_snr_gamma": "train.snr_gamma",
    "optimizer_type": "optimizer.name",
    "lr_scheduler": "schedule.name",
    "lr_warmup_steps": "schedule.warmup",
    "prior_loss_weight": "prior.weight",
    "flip_aug": "data.horizontal_flip",
    "network_dim": "lora.rank",
    "network_alpha": "lora.alpha",
    "token_string": "textual_inversion.word",
    "init_word": "textual_inversion.initial_text",
    "num_vectors_per_token": "textual_inversion.vectors",
    "use_object_template": 'textual_inversion.template = "subject"',
    "use_style_template": 'textual_inversion.template = "style"',
    "sample_prompts": "samples.prompts",
    "sample_every_n_steps": "samples.every",
    "sample_every_n_epochs": "samples.every",
    "sample_at_first": "samples.at_start",
    "sample_sampler": "samples.sampler",
    "train_data_dir": "concepts.folder",
    "image_dir": "concepts.folder",
    "reg_data_dir": "concepts.class_folder",
    "class_tokens": "concepts.instance_prompt",
    "num_repeats": "concepts.repeats",
}

_DIFFUSERS = {
    "num_train_epochs": "train.length",
    "adam_beta1": "optimizer.beta1",
    "adam_beta2": "optimizer.beta2",
    "adam_epsilon": "optimizer.eps",
    "adam_weight_decay": "optimizer.weight_decay",
    "with_prior_preservation": "prior.weight",
    "sample_batch_size": "class_images.batch_size",
    "random_flip": "data.horizontal_flip",
    "lora_alpha": "lora.alpha",
    "placeholder_token": "textual_inversion.word",
    "initializer_token": "textual_inversion.initial_text",
    "num_vectors": "textual_inversion.vectors",
    "learnable_property": "textual_inversion.template",
    "validation_prompt": "samples.prompts",
    "validation_steps": "samples.every",
    "validation_epochs": "samples.every",
    "instance_data_dir": "concepts.folder",
    "class_data_dir": "concepts.class_folder",
    "num_class_images": "concepts.class_images",
}

_DREAMBOOTH_EXTENSION = {
    "src": "base.checkpoint",
    "custom_model_name": "output.name",
    "save_embedding_every": "output.save_every",
    "lora_learning_rate": "train.unet_learning_rate",
    "lora_txt_learning_rate": "train.text_encoder_learning_rate",
    "txt_learning_rate": "train.text_encoder_learning_rate",
    "offset_noise": "train.noise_offset",
    "adamw_weight_decay": "optimizer.weight_decay",
    "class_infer_steps": "class_images.steps",
    "class_guidance_scale": "class_images.guidance_scale",
    "class_negative_prompt": "class_images.negative_prompt",
    "hflip": "data.horizontal_flip",
    "use_lora": 'method = "lora"',
    "lora_unet_rank": "lora.rank",
    "save_sample_prompt": "samples.prompts",
    "save_sample_negative_prompt": "samples.negative_prompt",
    "save_preview_every": "samples.every",
    "save_infer_steps": "samples.steps",
    "save_guidance_scale": "samples.guidance_scale",
    "sample_seed": "samples.seed",
    "num_class_images_per": "concepts.class_images",
}

_LENGTHS = {"steps": "train.length", "epochs": "train.length"}  # of the WebUI's Train tab, and of OneTrainer

FOREIGN_NAMES: Mapping[str, str] = {**_KOHYA, **_DIFFUSERS, **_DREAMBOOTH_EXTENSION, **_LENGTHS}
"""Our options, some with the value that is meant, by the names that they have elsewhere."""
