-- A domain goes in steps, each of which may be the last before a crash: see
-- doc/directory.md.  Forward only; every statement may be repeated.
--
-- A statement ends with a semicolon at the end of a line.

ALTER TABLE Domaine
	ADD COLUMN IF NOT EXISTS Do_Etat ENUM('ACTIVE','SUPPRESSION') NOT NULL DEFAULT 'ACTIVE',
	ADD INDEX IF NOT EXISTS Do_Etat (Do_Etat);

-- Counts the changes that have no journal row: see dir_touch().
INSERT IGNORE INTO Compteur (Co_Nom, Co_Valeur) VALUES ('change', 0);
