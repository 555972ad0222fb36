"""What others found of training with Batch Normalization, judged by the same runs and the same rules.

Quotations are of the abstracts; where the paper says it at length, what is measured says it in ours.
"""

from __future__ import annotations

from bnverify.theory.empirical import empirical

CLAIMS = (
    empirical(
        "yao-2020:shallow",
        "BatchNorm does not smooth the landscape of shallow networks",
        "Yao, Gholami, Keutzer and Mahoney 2020, PyHessian, abstract",
        "we find that Batch Normalization does not necessarily make the loss landscape smoother, especially for "
        "shallow networks",
        "the largest eigenvalue of the Hessian over the last tenth of the training",
        "VGG of 8 to 20 layers with and without BatchNorm",
        assumptions=("not smoother is at least 0.8 times as large",),
    ),
    empirical(
        "ghorbani-2019:outliers",
        "Outlier eigenvalues vanish with the statistics of the batch and return with those of the population",
        "Ghorbani, Krishnan and Xiao 2019, abstract and Section 4",
        "in a batch normalized network, these two effects are almost absent",
        "the largest eigenvalue of the Hessian with running statistics over that with the batch's, at the same weights",
        "VGG with BatchNorm",
        assumptions=("the effects are large isolated eigenvalues and gradients in their span; twice counts",),
    ),
    empirical(
        "karakida-2019:last-layer",
        "BatchNorm in the last layer alone suppresses sharpness",
        "Karakida, Akaho and Amari 2019, abstract",
        "batch normalization in the last layer contributes to drastically decreasing such pathological sharpness",
        "the largest eigenvalue of the Hessian at initialisation",
        "networks with a BatchNorm after the last layer alone and without",
        assumptions=("drastically is half at most",),
    ),
    empirical(
        "yang-2019:growth",
        "Gradients grow by 1.21 a layer at initialisation",
        "Yang, Pennington, Rao, Sohl-Dickstein and Schoenholz 2019, abstract",
        "gradient signals grow exponentially in depth",
        "the growth of |dL/dy| from layer to layer towards the input",
        "30 fully connected layers with BatchNorm and ReLU, at initialisation",
        assumptions=("their mean field theory gives sqrt(pi/(pi - 1)) = 1.2112 for ReLU; within 5 % of it",),
    ),
    empirical(
        "cohen-2021:edge",
        "In full batch sharpness settles at 2 over the learning rate",
        "Cohen, Kaur, Li, Kolter and Talwalkar 2021, abstract",
        "the maximum eigenvalue of the training loss Hessian hovers just above the numerical value 2 / (step size)",
        "the largest eigenvalue of the Hessian times half the learning rate, over the last tenth of the training",
        "VGG by full-batch gradient descent, with and without BatchNorm",
        assumptions=("hovers just above is within a factor of 1.25",),
    ),
    empirical(
        "lange-2022:conditioning",
        "BatchNorm improves the conditioning of layer inputs",
        "Lange, Helfrich and Ye 2022, Sections 1 and 3",
        "",
        "the condition number of the covariance of what goes into a layer's linear map, on which that of the Hessian "
        "depends",
        "VGG with and without BatchNorm",
        assumptions=(
            "eigenvalues below a millionth of the largest count as that; an improvement counts from 1.5",
        ),
    ),
    empirical(
        "daneshmand-2020:rank",
        "BatchNorm avoids the collapse of rank with depth",
        "Daneshmand, Kohler, Bach, Hofmann and Lucchi 2020, abstract",
        "batch normalization is an effective strategy to avoid rank collapse for both linear and ReLU networks",
        "(tr C)^2 / |C|_F^2 of the last hidden layer's activations, C = H'H / m, at initialisation",
        "25-layer linear networks with and without BatchNorm",
        assumptions=("a larger rank counts from a factor of 1.25",),
    ),
)
