"""What the mappings of every file are made of: known keys, and kinds of values."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

Scalar = StrictInt | StrictFloat | StrictStr
Text = Annotated[StrictStr, Field(min_length=1)]
Names = StrictStr | list[StrictStr]

# A scalar, and what it measures: pydantic does not look at this, the reference of the language prints it.
Time = Annotated[Scalar, "a time, such as 12 weeks"]
Dose = Annotated[Scalar, "a dose, such as 1 mg/kg or 10 IU"]
Rate = Annotated[Scalar, "a rate, such as 2 / 4 weeks"]
Visit = Annotated[Scalar, "a planned visit, such as week 4"]
Probability = Annotated[Scalar, "a share, such as 5 %"]
Count = Annotated[Scalar, "a count"]
Rule = Annotated[Scalar, "a rule, such as cel_reduction > 75 %"]
Expression = Annotated[Scalar, "an expression, such as 1 - current_cel / baseline_cel"]


class FilePart(BaseModel):
    """A mapping with known keys only."""

    # What checks a file is made of is built once, for the whole of a file, and where one is read.
    model_config = ConfigDict(extra="forbid", populate_by_name=False, frozen=True, defer_build=True)
