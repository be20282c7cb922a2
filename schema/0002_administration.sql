-- What hosting panels need: see semail-schema(5).  Forward only; run again
-- after a crash in the middle, so every statement may be repeated.
--
-- A statement ends with a semicolon at the end of a line.

-- Administrators who may do everything; the others touch their clients only.
ALTER TABLE Administrateur
	ADD COLUMN IF NOT EXISTS Ad_Tout ENUM('OUI','NON') NOT NULL DEFAULT 'NON';

UPDATE Administrateur SET Ad_Tout = 'OUI' WHERE Ad_IdAdministrateur = 1;

ALTER TABLE Societe
	ADD COLUMN IF NOT EXISTS So_IdAdministrateur INT NOT NULL DEFAULT 1;

ALTER TABLE Societe
	ADD FOREIGN KEY IF NOT EXISTS So_Administrateur (So_IdAdministrateur)
	REFERENCES Administrateur (Ad_IdAdministrateur);

-- A login is an administrator's or a client's, never both.
UPDATE Client SET Cl_Login = 'local'
	WHERE Cl_IdClient = 1 AND Cl_Login = 'admin' AND Cl_Password = '';

ALTER TABLE ServeurMail
	ADD COLUMN IF NOT EXISTS Se_Ldap VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';

ALTER TABLE Domaine
	ADD COLUMN IF NOT EXISTS Do_Ldap VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
	ADD COLUMN IF NOT EXISTS Do_NomsReserves ENUM('OUI','NON') NOT NULL DEFAULT 'NON';

-- Ba_Effet: what the home does not show yet (bits, see semail-schema(5)).
ALTER TABLE BAL
	ADD COLUMN IF NOT EXISTS Ba_Effet INT UNSIGNED NOT NULL DEFAULT 0,
	ADD INDEX IF NOT EXISTS Ba_Effet (Ba_Effet);

ALTER TABLE VirtualUser
	ADD COLUMN IF NOT EXISTS Vi_IdBAL INT NULL;

ALTER TABLE VirtualUser
	ADD FOREIGN KEY IF NOT EXISTS Vi_BAL (Vi_IdBAL) REFERENCES BAL (Ba_IdBAL);

-- Au_Requete: the request id of a panel; Au_Crochet: has its hook been run.
ALTER TABLE Audit
	ADD COLUMN IF NOT EXISTS Au_Requete BINARY(16) NULL,
	ADD COLUMN IF NOT EXISTS Au_Crochet ENUM('RIEN','APRES','ATTENTE','FAIT','ECHEC') NOT NULL DEFAULT 'RIEN',
	ADD INDEX IF NOT EXISTS Au_Requete (Au_Requete),
	ADD INDEX IF NOT EXISTS Au_Crochet (Au_Crochet);

-- A panel proves who it is by the secret half of this key.
CREATE TABLE IF NOT EXISTS Panneau (
	Pa_IdPanneau INT NOT NULL AUTO_INCREMENT,
	Pa_Nom VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	Pa_Cle BINARY(32) NOT NULL,
	Pa_Cree DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
	Pa_Commentaire VARCHAR(255) NOT NULL DEFAULT '',
	PRIMARY KEY (Pa_IdPanneau),
	UNIQUE KEY (Pa_Nom)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
