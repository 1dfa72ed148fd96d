"""What a gateway must answer to each record, told from its contract and from what was sent before."""

import contracts


def outcome(binding, piece, today, seen):
    """What becomes of a record; `seen` remembers, under a reference and an operation, what became of others."""
    try:
        if piece.refusal is not None:
            raise piece.refusal
        conformed = binding.conform(piece.octets, today)
    except contracts.Refused as refused:
        return "refused", refused.code, (), None
    ref, op, prior = conformed.source_ref, conformed.op, conformed.prior_ref
    if (ref, op) in seen:
        same = seen[ref, op] == conformed.payload
        return ("duplicate", "", (), conformed) if same else ("refused", "record.conflict", (), None)
    if prior and (unfounded := unfounded_code(prior, seen)):
        return "refused", unfounded, (), None
    seen[ref, op] = conformed.payload
    if op == "void":
        seen["gone", ref] = seen["gone", prior] = True
    if prior and ("waits", prior) in seen:
        return "quarantined", "review.prior", conformed.warnings, conformed
    if conformed.review:
        seen["waits", ref] = True
        return "quarantined", *conformed.review, conformed.warnings, conformed
    return "accepted", "", conformed.warnings, conformed


def unfounded_code(prior, seen):
    if ("gone", prior) in seen:
        return "record.prior_void"
    return "" if {(prior, "assert"), (prior, "correct")} & seen.keys() else "record.prior_missing"
