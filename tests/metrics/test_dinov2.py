from __future__ import annotations

import pytest
import torch
from metrics_helpers import ImageSet, random_images, sampler
from torch import nn
from torch.nn import functional as F

from gan_experiments.errors import UserError
from gan_experiments.metrics import Dinov2Metrics
from gan_experiments.metrics.dinov2 import DinoV2, Size

SMALL = 384
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    return one_block(SMALL)


def one_block(SIZE: int) -> dict[str, torch.Tensor]:  # noqa: N803
    """One block of a ViT/14 as its authors' file names it, with random values."""
    shapes = {
        "cls_token": (1, 1, SIZE), "mask_token": (1, SIZE), "pos_embed": (1, 1 + 37 * 37, SIZE),
        "patch_embed.proj.weight": (SIZE, 3, 14, 14), "patch_embed.proj.bias": (SIZE,),
        "blocks.0.norm1.weight": (SIZE,), "blocks.0.norm1.bias": (SIZE,),
        "blocks.0.attn.qkv.weight": (3 * SIZE, SIZE), "blocks.0.attn.qkv.bias": (3 * SIZE,),
        "blocks.0.attn.proj.weight": (SIZE, SIZE), "blocks.0.attn.proj.bias": (SIZE,),
        "blocks.0.ls1.gamma": (SIZE,), "blocks.0.norm2.weight": (SIZE,), "blocks.0.norm2.bias": (SIZE,),
        "blocks.0.mlp.fc1.weight": (4 * SIZE, SIZE), "blocks.0.mlp.fc1.bias": (4 * SIZE,),
        "blocks.0.mlp.fc2.weight": (SIZE, 4 * SIZE), "blocks.0.mlp.fc2.bias": (SIZE,),
        "blocks.0.ls2.gamma": (SIZE,), "norm.weight": (SIZE,), "norm.bias": (SIZE,),
    }  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) * 0.1 for name, shape in shapes.items()}


def reference(state, images):
    """The same by torch's own attention, in the order of the paper."""
    SIZE = state["cls_token"].shape[2]  # noqa: N806
    x = F.interpolate(images.float(), size=(224, 224), mode="bicubic", antialias=True) / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (x - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    x = F.conv2d(x, state["patch_embed.proj.weight"], state["patch_embed.proj.bias"], stride=14)
    places = state["pos_embed"][:, 1:].reshape(1, 37, 37, SIZE).permute(0, 3, 1, 2)
    places = F.interpolate(places, scale_factor=(16.1 / 37, 16.1 / 37), mode="bicubic")
    x = (x + places).flatten(2).transpose(1, 2)
    x = torch.cat([(state["cls_token"] + state["pos_embed"][:, :1]).expand(len(x), -1, -1), x], 1)
    block = {name.removeprefix("blocks.0."): value for name, value in state.items()}
    attention = nn.MultiheadAttention(SIZE, SIZE // 64, batch_first=True)
    attention.load_state_dict({
        "in_proj_weight": block["attn.qkv.weight"], "in_proj_bias": block["attn.qkv.bias"],
        "out_proj.weight": block["attn.proj.weight"], "out_proj.bias": block["attn.proj.bias"],
    })  # fmt: skip
    y = F.layer_norm(x, (SIZE,), block["norm1.weight"], block["norm1.bias"], 1e-6)
    x = x + block["ls1.gamma"] * attention(y, y, y)[0]
    y = F.layer_norm(x, (SIZE,), block["norm2.weight"], block["norm2.bias"], 1e-6)
    y = F.gelu(F.linear(y, block["mlp.fc1.weight"], block["mlp.fc1.bias"]))
    x = x + block["ls2.gamma"] * F.linear(y, block["mlp.fc2.weight"], block["mlp.fc2.bias"])
    return F.layer_norm(x, (SIZE,), state["norm.weight"], state["norm.bias"], 1e-6)[:, 0]


@pytest.mark.parametrize("size", [384, 768, 1024])
def test_equal_to_the_reference(size):
    state = one_block(size)
    images = torch.from_numpy(random_images(2))
    with torch.no_grad():
        features, logits = DinoV2(state)(images)
        expected = reference(state, images)
        grey = DinoV2(state)(images[:, :1])[0]
        repeated = DinoV2(state)(images[:, :1].expand(-1, 3, -1, -1))[0]
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(grey, repeated, rtol=1e-4, atol=1e-5)
    assert logits.shape == (2, 0)


def component(file, size: str = "s") -> Dinov2Metrics:
    return Dinov2Metrics(
        size=Size(size), samples=12, real=None, batch_size=8, seed=0, weights=str(file), sha256=""
    )


def test_figures_from_a_file(state, tmp_path):
    file = tmp_path / "vit.pth"
    torch.save(state, file)
    component(file).check(tmp_path)
    evaluation = component(file).evaluator(ImageSet(random_images(12)), CPU)(
        sampler(random_images(12, seed=1))
    )
    assert component(file).best == "fd_dinov2_s"
    assert {"fd_dinov2_s", "kid_dinov2_s", "precision_dinov2_s", "coverage_dinov2_s"} < set(evaluation.values)
    assert not any(name.startswith("is") for name in evaluation.values)
    assert len(evaluation.protocol["weights"]) == 64


def test_other_files_are_refused(state, tmp_path):
    file = tmp_path / "vit.pth"
    torch.save(state, file)
    images = ImageSet(random_images(12))
    with pytest.raises(UserError, match=r"network of 384 features; metrics\.size=b has 768"):
        component(file, "b").evaluator(images, CPU)
    torch.save({"cls_token": torch.zeros(1, 1, SMALL)}, file)
    with pytest.raises(UserError, match=r"does not hold the weights of a DINOv2 ViT"):
        component(file).evaluator(images, CPU)
    file.write_bytes(b"not weights at all")
    with pytest.raises(UserError, match=r"is not a file of weights"):
        component(file).evaluator(images, CPU)
