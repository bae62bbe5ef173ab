"""A/B tests: from the exposures that a service logged and later events to differences of variants.

exposures     the format of the exposure log, and its reader
outcomes      per user: hit rate of the lists, and number of later events
differences   means, differences and p-values; the check of the sample ratio
sample_size   users that a test needs, and the power of a test
notes         the warnings of the report
abtest        the report
off_policy    hit rates of lists that were not shown, by inverse propensity: pure functions
replay        computes the lists of the variants and of a new artifact again
estimate      the estimate for a new artifact

The unit of every number is the user, because users are assigned to variants and the lists of one
user are not independent.
"""
