"""Methods of a policy: the one by which a licence prices the uses of a territory.

It is the first method of the policy whose inputs exist: `matched-seconds` and `fixed-fee` take a rate of the licence;
all but `fixed-fee` take its royalty on reported revenue. Parts of revenue are made in `allocation`.
"""

from fingerprint.errors import StatementError, printable
from sourceprint.royalties.rights.licences import Licence
from sourceprint.royalties.uses.policy import Policy

__all__ = ["PolicyMethods"]

_RATES = {"matched-seconds": "per_second", "fixed-fee": "per_match"}
"""Keys of rate cards by the method that takes them."""


class PolicyMethods:
    """The methods of a policy in one territory.

    Parameters
    ----------
    with_revenue : bool
        Whether revenue is reported of the territory.
    """

    def __init__(self, policy: Policy, territory: str, *, with_revenue: bool) -> None:
        self._policy = policy
        self._territory = territory
        self._with_revenue = with_revenue
        self._found: dict[int, tuple[str, bool]] = {}

    def of(self, terms: Licence) -> tuple[str, bool]:
        """Return the method for a licence, and whether it goes by a rate of the licence; "" where none can."""
        if id(terms) not in self._found:
            self._found[id(terms)] = self._first(terms)
        return self._found[id(terms)]

    def required(self, terms: Licence) -> tuple[str, bool]:
        """Return the same; raises StatementError where no method can."""
        name, by_rate = self.of(terms)
        if name:
            return name, by_rate
        methods = self._policy.amount.methods
        missing = [key for method, key in _RATES.items() if method in methods]
        if set(methods) != {"fixed-fee"} and terms.rate_card.royalty_millionths is None:
            missing.append("royalty_rate")
        revenue = "" if self._with_revenue else f" and no revenue is reported of {self._territory}"
        raise StatementError(
            f"licence {printable(terms.id)} in {self._territory}: no method of policy {printable(self._policy.name)} "
            f"({', '.join(methods)}) applies: the rate card has no {', '.join(missing) or 'rate'}{revenue}; "
            "add a rate, report revenue, or use another policy"
        )

    def _first(self, terms: Licence) -> tuple[str, bool]:
        card = terms.rate_card
        for name in self._policy.amount.methods:
            if name in _RATES and getattr(card, _RATES[name]) is not None:
                return name, True
            if name != "fixed-fee" and self._with_revenue and card.royalty_millionths is not None:
                return name, False
        return "", False
