-- What mailboxes need: see semail-schema(5).  Forward only; run again after a
-- crash in the middle, so every statement may be repeated.
--
-- A statement ends with a semicolon at the end of a line.

-- How many mailboxes a domain has and what it has given them, so that a limit
-- costs the same in a domain with a hundred thousand of them.
ALTER TABLE Domaine
	ADD COLUMN IF NOT EXISTS Do_NombreBAL INT UNSIGNED NOT NULL DEFAULT 0,
	ADD COLUMN IF NOT EXISTS Do_QuotaDonne BIGINT UNSIGNED NOT NULL DEFAULT 0;

UPDATE Domaine SET
	Do_NombreBAL = (SELECT COUNT(*) FROM BAL WHERE Ba_IdDomaine = Do_IdDomaine),
	Do_QuotaDonne = (SELECT COALESCE(SUM(Ba_Quota), 0) FROM BAL WHERE Ba_IdDomaine = Do_IdDomaine);

-- Ba_EffetNumero: the journal number of the change that set Ba_Effet last;
-- Ba_PurgeAvant: what came before this time (Unix) is to be purged.
ALTER TABLE BAL
	ADD COLUMN IF NOT EXISTS Ba_EffetNumero BIGINT UNSIGNED NOT NULL DEFAULT 0,
	ADD COLUMN IF NOT EXISTS Ba_PurgeAvant BIGINT UNSIGNED NOT NULL DEFAULT 0;

-- "Was it deleted?" must not read all that ever happened to a mailbox.
ALTER TABLE Audit
	ADD INDEX IF NOT EXISTS Au_ObjetType (Au_Objet, Au_Type);
