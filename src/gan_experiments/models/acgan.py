"""AC-GAN: a discriminator that also names the class."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING
from torch import Tensor
from torch.nn.functional import cross_entropy

from gan_experiments.models.base import Step
from gan_experiments.models.conditional import Conditional, real_labels
from gan_experiments.networks import Classifier, Discriminator, Network
from gan_experiments.types import ImageShape


@dataclass
class AcGan(Conditional):
    """AC-GAN (Odena, Olah & Shlens 2017): the discriminator also classifies, and is not told the class.

    L_S and L_C of the paper are log-likelihoods; as losses, both networks minimise the cross-entropy of the class,
    of real and of generated images in the discriminator's step and of generated images in the generator's.

    class_weight, generator_class_weight: of the cross-entropies in the two steps, 1 in the paper.
    """

    class_weight: float = MISSING
    generator_class_weight: float = MISSING

    def build_discriminator(self, network: Network, shape: ImageShape) -> Discriminator:
        trunk = network.trunk(shape, self.discriminator_norm)
        return Classifier(trunk, self.head(trunk.features), shape.classes)

    def score(self, images: Tensor, labels: Tensor) -> Tensor:
        scores: Tensor = self.discriminator(images)
        return scores

    def scores(self, images: Tensor) -> Tensor:
        scores: Tensor = self.discriminator(images)
        return scores

    def adversarial(self, real: Tensor, fake: Tensor, step: Step) -> dict[str, Tensor]:
        assert isinstance(self.discriminator, Classifier)
        labels = real_labels(step)
        both_real, both_fake = self.paired(self.discriminator.both, real, fake)
        scores_real, logits_real = both_real[:, 0], both_real[:, 1:]
        scores_fake, logits_fake = both_fake[:, 0], both_fake[:, 1:]
        self.log_scores(step, scores_real, scores_fake)
        step.log("accuracy/real", (logits_real.argmax(1) == labels).float().mean())
        step.log("accuracy/fake", (logits_fake.argmax(1) == labels).float().mean())
        return {
            "adversarial": self.loss.discriminator(scores_real, scores_fake),
            "class_real": self.class_weight * cross_entropy(logits_real, labels),
            "class_fake": self.class_weight * cross_entropy(logits_fake, labels),
        }

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        assert isinstance(self.discriminator, Classifier)
        latents = self.latents(step.noise, self.generator_batch * step.batch_size)
        both = self.discriminator.both(self.perturb(self.generator(latents), step))
        return {
            "adversarial": self.loss.generator(both[:, 0]),
            "class": self.generator_class_weight * cross_entropy(both[:, 1:], self.labels(latents)),
        }
