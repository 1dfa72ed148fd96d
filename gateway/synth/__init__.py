"""A population that does not exist, and what its agencies report of it: `isnad synth`.

Everything follows from a seed and a number: the same seed gives the same octets on every machine, in however many
shards and in whatever order, in constant memory. Nothing here is random and nobody here is real.

    chance      numbers from a keyed hash
    demography  where people live, how old they are, how many die
    names       given names, in lines of fathers
    people      the population: person 0, 1, 2, … of N
    events      what happens to them, as canonical records of each contract
    forms       a canonical record in an agency's own words: its mapping, read backwards
    writing     a form as JSON, CSV or XML
    noise       what people and machines do to records, and what must become of each
    files       files of records, and beside each the answers that it must get
"""
