"""Fashion-MNIST, in MNIST's form."""

from __future__ import annotations

from dataclasses import dataclass

from gan_experiments.data.mnist import Mnist, idx_remotes


@dataclass
class FashionMnist(Mnist):
    """70,000 grey pictures of clothes, 28x28 (Xiao et al. 2017); at 32 pixels they get a black margin."""

    class_names = (
        "t-shirt",
        "trouser",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    )
    folders = ("FashionMNIST/raw", "fashion_mnist")
    remotes = idx_remotes(
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    )
