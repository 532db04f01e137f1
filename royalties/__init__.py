"""From matched seconds to money: rights behind recordings, licences, attribution, and statements that add up.

`rights` holds who owns what and who licensed what to whom; `tables` brings rights in and carries them out; `uses` turns
the matches of a scan into uses, each with its state; `statements` turns uses and revenue into amounts owed. Amounts are
integer minor units of a currency, shares are integer millionths, times are integer milliseconds or microseconds: no
float enters here.
"""
