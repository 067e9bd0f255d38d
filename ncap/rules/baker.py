"""Support vector regression on the features of a learning curve, after Baker, Gupta, Raskar and Naik 2017."""

from typing import ClassVar

import numpy as np

from ncap.rules.contract import FloatArray
from ncap.rules.learned import Beginnings, Learned, Model, differences

COSTS = (0.1, 1.0, 10.0)  # C of support vector regression, chosen by cross-validation
FOLDS = 3
MOST_FOLDED = 300  # curves in the cross-validation, drawn once where there are more


class Baker(Learned):
    """BGRN: nu-SVR, with a radial kernel, of the final accuracy on accuracies, their first and second differences, and facts.

    Features and ends are standardised over the history. The standard deviation is the root mean square of the residuals in
    cross-validation, one number for all candidates.

    What is simpler than in the source (Baker et al. 2017, arXiv 1705.10823, section 3):

    1. The facts (there: number of weights and layers, and hyperparameters) are those that are asked for; by default none, so that curves
       are enough.
    2. Only C is chosen, from three values by 3-fold cross-validation on at most 300 curves, with nu = 1/2 and scikit-learn's
       `gamma="scale"`; there a random search chooses all three.
    3. One model stands for the ensemble from which uncertainty is estimated there.
    4. Curves of other targets are mixed without a word on which target they are of, as the source has one target only.

    Ends that lie 0.1 above the last accuracy, for the history and so for the candidate:

    >>> from ncap.rules.contract import Curve, Outcome
    >>> ends = [Outcome("other", Curve.of(f"c{i}", val_accuracy=[i / 50, i / 40]), {}, i / 40 + 0.1) for i in range(1, 31)]
    >>> fitted = Baker().fit(ends, [("digits", "candidate")])
    >>> round(fitted.predict(Curve.of(val_accuracy=[0.4, 0.5]), {}).value, 2)
    0.6
    """

    name: ClassVar[str] = "baker"
    summary: ClassVar[str] = "Support vector regression on accuracies and their differences (BGRN)."
    source: ClassVar[str] = "Baker et al. 2017, arXiv 1705.10823"
    least: ClassVar[int] = 6

    def model(self, known: Beginnings) -> Model:
        """The fitted regression."""
        from sklearn.model_selection import KFold, cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import NuSVR

        features, ends = np.concatenate([differences(known.seen), known.facts], axis=1), known.ends
        centre, scale = float(ends.mean()), float(ends.std())
        if scale < 1e-12:  # all ended alike: there is nothing to regress on
            return lambda y, _: (np.full(len(y), centre), np.zeros(len(y)))
        folds, scaled = KFold(FOLDS, shuffle=True, random_state=0), (ends - centre) / scale
        order = np.random.default_rng(0).permutation(len(ends))[:MOST_FOLDED]
        machines = [make_pipeline(StandardScaler(), NuSVR(C=cost)) for cost in COSTS]
        errors = [
            float(((cross_val_predict(each, features[order], scaled[order], cv=folds) - scaled[order]) ** 2).mean())
            for each in machines
        ]
        best, std = machines[int(np.argmin(errors))], scale * min(errors) ** 0.5
        best.fit(features, scaled)

        def model(y: FloatArray, facts: FloatArray) -> tuple[FloatArray, FloatArray]:
            made = centre + scale * best.predict(np.concatenate([differences(y), facts], axis=1))
            return made, np.full(len(y), std)

        return model
