"""AC-GAN's last layer, which also names the class."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gan_experiments.heads.base import Head, Terms
from gan_experiments.heads.linear import LinearHead
from gan_experiments.losses import Loss
from gan_experiments.networks.layers import LinearLayer, full_precision


class ClassifierHead(LinearHead):
    """A linear unit, and beside it logits (n, classes) of the class.

    L_S and L_C of the paper are log-likelihoods; as losses, both networks minimise the cross-entropy of the class,
    of real and of generated images in the discriminator's step and of generated images in the generator's.
    """

    def __init__(
        self, features: int, classes: int, linear: LinearLayer, weight: float, generator: float
    ) -> None:
        super().__init__(features, linear)
        self.classifier = nn.Linear(features, classes)
        self.weight, self.generator = weight, generator

    def logits(self, features: Tensor) -> Tensor:
        with full_precision(features):
            logits: Tensor = self.classifier(features)
            return logits

    def terms(self, loss: Loss, real: Tensor, fake: Tensor, labels: Tensor | None = None) -> Terms:
        assert labels is not None
        terms = super().terms(loss, real, fake)
        logits = {"real": self.logits(real), "fake": self.logits(fake)}
        classes = {f"class_{name}": self.weight * cross_entropy(z, labels) for name, z in logits.items()}
        accuracy = {
            f"score/accuracy_{name}": (z.argmax(1) == labels).float().mean() for name, z in logits.items()
        }
        return Terms(terms.losses | classes, terms.real, terms.fake, accuracy)

    def generator_terms(self, loss: Loss, fake: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        assert labels is not None
        error = cross_entropy(self.logits(fake), labels)
        return super().generator_terms(loss, fake) | {"class": self.generator * error}


@dataclass
class Classifier(Head):
    """The auxiliary classifier of Odena, Olah & Shlens (2017): the score is not told the class, which it names.

    weight, generator_weight: of the cross-entropies in the two steps, 1 in the paper.
    """

    weight: float = MISSING
    generator_weight: float = MISSING

    conditional = True

    def build(self, features: int, classes: int, linear: LinearLayer) -> ClassifierHead:
        return ClassifierHead(features, classes, linear, self.weight, self.generator_weight)
