"""The order in which the worker does what there is to do."""

from enum import IntEnum


class Urgency(IntEnum):
    """Tells how urgent the next slice of a job is; of all jobs the most urgent one is done."""

    NOTHING = 0  # there is nothing to do
    SPARE = 1  # nobody waits for it: it is done only while the window says nothing and nothing else is to be done
    TRAINING = 2
    AGREEMENT = 3  # after the first tile that answers to the stroke
    TILE = 4  # a tile that is not on screen
    LABEL_CHECK = 5
    QUESTION = 6  # the question where to paint next
    VISIBLE_TILE = 7
    OBJECTS = 8  # handing a plane to the thread that finds them takes next to no time
    WEIGHT_MAP = 9
    EXPORT = 10  # by turns with everything else: an export may take an hour
