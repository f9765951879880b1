"""The help texts of the command line, for each setting and option of a run."""

from companion import data
from companion.experiments.settings import LIKELIHOODS, NETWORKS

SETTING_HELP = {
    "dataset": f"{', '.join(data.NAMES)}, or the path of your own .npz file",
    "latent_dim": "size of the code z (default: 2)",
    "epochs": "how often all training images are shown; may be raised with --resume",
    "batch_size": "images in a batch",
    "learning_rate": "step size of Adam",
    "network": f"{' or '.join(NETWORKS)} (default: the model's usual one, mostly dense)",
    "hidden": "widths of a dense encoder's layers, such as 512,256; the decoder mirrors them",
    "batch_norm": "true: normalise the inputs of every ReLU of dense networks over the batch",
    "binarize": f"{', '.join(data.BINARIZATIONS)}: how grey pixels become black and white",
    "likelihood": f"p(x|z): {', '.join(LIKELIHOODS)}",
    "seed": "fixes weights, noise, order and binarisation",
    "k": "samples per image in the bound on the log likelihood",
    "images": "how many test images get that bound (default: all)",
    "variant": "module:Class of a subclass of the model, trained in its place",
}
OPTION_HELP: dict[str, str] = {
    "beta": "weight of the KL",
    "warm_up_steps": "steps over which beta, or the weight of every layer's KL, rises from 0; 0: none",
    "latent_dims": "size of each layer of codes, the one next to the pixels first, such as 8,2",
    "inference": "bottom_up or top_down: which layer of codes is inferred first",
    "merge": "precision, mean, residual or concatenation: how top-down inference joins image and upper layer",
    "free_bits": "nats: the KL of each layer above the first enters the loss as max(this, its batch mean)",
    "gamma": "weight of the distance of the KL from capacity, in place of beta; 0: none",
    "capacity": "target of the KL with gamma, in nats per image",
    "capacity_steps": "steps over which capacity rises from 0; 0: constant",
    "num_embeddings": "rows of the codebook",
    "embedding_dim": "length of a row of the codebook",
    "filters": "channels of the halving convolutions, such as 32,64; the decoder mirrors them",
    "commitment": "weight of the distance from the encoder's vectors to their codes",
    "codebook": "ema or loss: rows are running means, or trained by the codebook loss",
    "reset": "rows whose count is below this share of the mean count become vectors of the batch; 0: never",
    "data_init": "true: the first batch gives the first rows",
    "prior": "conditional_vae: standard or learned, p(z) or p(z|y); vq_vae: pixel_cnn or uniform maps of codes",
    "num_latents": "categorical latents in a code",
    "num_categories": "categories of each latent",
    "temperature": "temperature of the Gumbel-softmax; the lower, the closer to exact draws",
    "last_temperature": "final temperature, with cooling_steps",
    "cooling_steps": "steps over which the temperature falls; 0: constant",
    "hard": "true: train with exact draws and the gradient of relaxed ones",
    "num_samples": "draws of z per image in training, k of the bound",
    "doubly_reparameterized": "true: the encoder's gradient of Tucker et al. (2019)",
}
