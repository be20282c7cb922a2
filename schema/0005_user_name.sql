-- Users by name: see semail-schema(5).  Forward only; run again after a crash in
-- the middle, so every statement may be repeated.
--
-- A statement ends with a semicolon at the end of a line.

-- NEWUSER looks for one that is the same.
ALTER TABLE Utilisateur
	ADD INDEX IF NOT EXISTS Ut_Nom (Ut_Nom);
