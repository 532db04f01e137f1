"""Attribution: from the matches of a scan to uses, each with its rule and its state."""
