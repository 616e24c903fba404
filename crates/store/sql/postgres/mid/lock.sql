-- mid/lock: identifiers are put in force, or out of it, by one at a time.
LOCK TABLE merchant_identifier IN SHARE ROW EXCLUSIVE MODE
