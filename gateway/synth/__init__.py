"""A population that does not exist, and what its agencies report of it: `isnad synth`.

Everything follows from a seed and a number: the same seed gives the same octets on every machine, in however many
shards and in whatever order, in constant memory. Nothing here is random and nobody here is real.

    chance      numbers from a keyed hash
    demography  where people live, how old they are, how many die
    names       given names, in lines of fathers
    people      the population: person 0, 1, 2, … of N
    scenes      one person at the time of an event
    civil       what the civil register and health offices report
    courts      what courts and committees decide
    events      what happens to them, as canonical records of each contract, and how often
    forms       a canonical record in an agency's own words: its mapping, read backwards
    writing     a form as JSON, CSV or XML
    noise       what people and machines do to records, and what must become of each
    occasions   who has something to report, and on what day
    flows       what an agency sends under a contract, and what must become of it
    states      what a recipient must know of each person in the end
    files       files of records, beside each its answers and its manifest, and files of states
"""
