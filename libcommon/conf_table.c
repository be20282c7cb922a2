#include "config.h"
#include "libcommon/conf.h"

#define KB 1024ull
#define MB (1024ull * KB)
#define GB (1024ull * MB)
#define SEC 1000ull
#define MINUTE (60 * SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* clang-format off */
const struct conf_setting conf_settings[] = {
	/* where things are */
	{ "hostname", CONF_STR, "", 0, 0, NULL,
	    R(SMTPD) | R(POP3D) | R(LOCAL) | R(SPAWND) | R(QUEUED) | R(AUTHD) |
	    R(ADMIND), /* DNS records say it and the ports */
	    "this server's name in greetings and Received lines (default: the system's)" },
	{ "state-dir", CONF_PATH, LOCALSTATEDIR "/lib/semail", 0, 0, NULL,
	    R(ADMIND) | R(SPAWND), /* passwd(5) and hooks are told where homes are */
	    "queue, mail, directory and database live below" },
	{ "run-dir", CONF_PATH, RUNSTATEDIR "/semail", 0, 0, NULL, 0,
	    "sockets and the process id file live below" },
	{ "log-file", CONF_PATH, LOCALSTATEDIR "/log/semail.log", 0, 0, NULL, 0,
	    "where all daemons log" },
	/* listeners */
	{ "listen-smtp", CONF_LISTEN, "", 0, 0, NULL, 0, "mail from other servers" },
	{ "listen-submission", CONF_LISTEN, "", 0, 0, NULL, R(ADMIND), "mail from our users, STARTTLS" },
	{ "listen-submissions", CONF_LISTEN, "", 0, 0, NULL, R(ADMIND), "mail from our users, TLS at once" },
	{ "listen-pop3", CONF_LISTEN, "", 0, 0, NULL, R(ADMIND), "POP3, STLS" },
	{ "listen-pop3s", CONF_LISTEN, "", 0, 0, NULL, R(ADMIND), "POP3, TLS at once" },
	{ "listen-admin", CONF_LISTEN, "", 0, 0, NULL, 0, "hosting panels, coded" },
	/* TLS */
	{ "tls-certificate", CONF_FILE, "", 0, 0, NULL, 0, /* master/certs.c */
	    "PEM file: certificate, then its chain" },
	{ "tls-key", CONF_FILE, "", 0, 0, NULL, 0,
	    "PEM file: private key of tls-certificate" },
	{ "tls-domain", CONF_TLS, "", 0, 0, NULL, 0,
	    "NAME[,NAME...] CERTIFICATE-FILE KEY-FILE: for clients that ask for one of the names" },
	{ "plaintext-login", CONF_WORD, "no", 0, 0, "no|loopback|yes", R(SMTPD) | R(POP3D),
	    "whether passwords are taken without TLS" },
	/* SMTP */
	{ "smtp-processes", CONF_NUM, "0", 0, 64, NULL, 0,
	    "smtpd processes (0: one a processor)" },
	{ "message-size-limit", CONF_SIZE, "50M", 64 * KB, 2 * GB, NULL, R(SMTPD) | R(QUEUED),
	    "largest message taken" },
	{ "recipient-limit", CONF_NUM, "1000", 100, 1000, NULL, R(SMTPD),
	    "recipients of one message" },
	{ "session-limit", CONF_NUM, "2000", 10, 100000, NULL, R(SMTPD),
	    "SMTP sessions at once, in each smtpd process" },
	{ "address-session-limit", CONF_NUM, "50", 1, 100000, NULL, R(SMTPD),
	    "SMTP sessions at once from one address (a /64 for IPv6), in each smtpd process" },
	{ "smtp-timeout", CONF_TIME, "5m", 1 * SEC, 1 * HOUR, NULL, R(SMTPD),
	    "longest wait for a client's next command or data" },
	{ "received-limit", CONF_NUM, "50", 10, 200, NULL, R(SMTPD) | R(SPAWND),
	    "Received lines after which a message is a loop" },
	{ "vrfy", CONF_FLAG, "yes", 0, 0, NULL, R(SMTPD),
	    "answer VRFY with 252 (disclosing nothing); no: 502" },
	/* submission */
	{ "trusted-networks", CONF_NETWORKS, "", 0, 0, NULL, R(SMTPD),
	    "ADDRESS[/PREFIX]...: who submits mail without a login" },
	{ "sender-must-be-own", CONF_FLAG, "yes", 0, 0, NULL, R(SMTPD),
	    "a login may only write as its own addresses" },
	{ "submission-bare-newline", CONF_WORD, "reject", 0, 0, "reject|normalise", R(SMTPD),
	    "what becomes of a CR or LF alone in a message submitted" },
	/* queue */
	{ "queue-log-size", CONF_SIZE, "64M", 8 * MB, 4 * GB, NULL, R(QUEUED),
	    "size of the intake log, all segments together" },
	{ "queue-segment-size", CONF_SIZE, "8M", 2 * MB, 1 * GB, NULL, R(QUEUED),
	    "size of one segment of the intake log" },
	{ "queue-retry-min", CONF_TIME, "5m", 100, 1 * DAY, NULL, R(QUEUED),
	    "wait before the second attempt; doubles with each" },
	{ "queue-retry-max", CONF_TIME, "1h", 100, 7 * DAY, NULL, R(QUEUED),
	    "longest wait between attempts" },
	{ "queue-min-free", CONF_SIZE, "64M", 0, 1024 * GB, NULL, R(QUEUED),
	    "free bytes on the queue's file system below which mail is answered 452" },
	/* mailboxes */
	{ "worker-limit", CONF_NUM, "200", 1, 100000, NULL, R(SPAWND) | R(LOCAL),
	    "mailbox workers at once" },
	{ "worker-linger", CONF_TIME, "10s", 0, 1 * HOUR, NULL, R(SPAWND),
	    "how long an idle mailbox worker stays" },
	{ "vacation-period", CONF_TIME, "7d", 1 * SEC, 365 * DAY, NULL, R(SPAWND),
	    "how long a sender whom a mailbox has answered is not answered again" },
	{ "quota-warning", CONF_NUM, "90", 0, 100, NULL, R(SPAWND),
	    "percent of its quota at which a mailbox's owner is warned by a message (0: never)" },
	{ "uid-first", CONF_NUM, "1900000000", 1000, 4294967000ull, NULL, R(ADMIND) | R(SPAWND),
	    "first uid of the range for mailboxes" },
	{ "uid-last", CONF_NUM, "1999999999", 1000, 4294967000ull, NULL, R(ADMIND) | R(SPAWND),
	    "last uid of the range for mailboxes" },
	{ "unix-accounts", CONF_STR, "", 0, 0, NULL, 0, /* SPAWND, ADMIND: as lines (accounts.h) */
	    "NAME or group:NAME...: Unix accounts that may be mailboxes" },
	/* POP3 */
	{ "pop3-session-limit", CONF_NUM, "2000", 1, 100000, NULL, R(POP3D),
	    "POP3 sessions at once" },
	{ "pop3-address-session-limit", CONF_NUM, "100", 1, 100000, NULL, R(POP3D),
	    "POP3 sessions at once from one address (a /64 for IPv6)" },
	{ "pop3-timeout", CONF_TIME, "10m", 1 * SEC, 1 * HOUR, NULL, R(POP3D),
	    "longest wait for a POP3 client (RFC 1939 3: at least 10 minutes)" },
	/* directory */
	{ "database", CONF_STR, "private", 0, 0, NULL, R(ADMIND),
	    "private, or USER@HOST:PORT,HOST:PORT.../NAME of a MariaDB server or Galera cluster" },
	{ "database-tls", CONF_WORD, "auto", 0, 0, "auto|no|encrypt|verify-ca|verify", R(ADMIND),
	    "TLS with a database server and how far it is checked (auto: verify, on loopback no)" },
	{ "database-ca-file", CONF_FILE, "", 0, 0, NULL, R(ADMIND),
	    "PEM file: the authority that signed the database server's certificate" },
	{ "journal-keep", CONF_TIME, "7d", 1 * SEC, 3650 * DAY, NULL, R(ADMIND),
	    "how long the journal of changes is kept once authd has them" },
	{ "database-password-file", CONF_FILE, "", 0, 0, NULL, R(ADMIND),
	    "file that holds the database password" },
	{ "auth-cache-time", CONF_TIME, "5m", 0, 1 * HOUR, NULL, R(AUTHD) | R(ADMIND),
	    "how long a password that was right is not checked again (0: never)" },
	/* hooks */
	{ "hook-dir", CONF_PATH, SYSCONFDIR "/semail/hooks", 0, 0, NULL, R(SPAWND),
	    "executables run after changes: semail-hooks(7)" },
	{ "hook-user", CONF_STR, "semail-hook", 0, 0, NULL, R(SPAWND),
	    "the user they run as" },
	{ "hook-timeout", CONF_TIME, "30s", 1 * SEC, 10 * MINUTE, NULL, R(SPAWND) | R(ADMIND),
	    "how long one may run before it is killed" },
	/* names */
	{ "resolver", CONF_RESOLVER, "", 0, 0, NULL, R(AUTHD),
	    "ADDRESS[:PORT]...: who is asked for names (default: as /etc/resolv.conf says)" },
	/* passwords checked by LDAP servers */
	{ "ldap", CONF_LDAP, "", 0, 0, NULL, R(AUTHD) | R(ADMIND),
	    "NAME URL[,URL...] DN-TEMPLATE: passwords are checked by binding there" },
	{ "ldap-search", CONF_LDAP, "", 0, 0, "search", R(AUTHD) | R(ADMIND),
	    "NAME URL[,URL...] BASE?SCOPE?FILTER: the same, the DN being looked for first" },
	{ "ldap-search-dn", CONF_STR, "", 0, 0, NULL, R(AUTHD),
	    "who searches (not set: anonymous)" },
	{ "ldap-search-password-file", CONF_FILE, "", 0, 0, NULL, R(AUTHD),
	    "file that holds the password of ldap-search-dn" },
	{ "ldap-ca-file", CONF_FILE, "", 0, 0, NULL, R(AUTHD),
	    "PEM file: the authorities that signed the LDAP servers' certificates" },
	{ "ldap-starttls", CONF_WORD, "yes", 0, 0, "yes|remote", R(AUTHD),
	    "TLS with an ldap:// server before any password; remote: not on loopback" },
	{ "ldap-timeout", CONF_TIME, "5s", 100, 20 * SEC, NULL, R(AUTHD),
	    "longest time a check by LDAP may take" },
};
/* clang-format on */

const size_t conf_nsettings = nitems(conf_settings);
