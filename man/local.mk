dist_man_MANS += man/semail-smtpd.8 man/semail.8 man/semaild.8 man/semail.conf.5 man/semail-pop3d.8
dist_man_MANS += man/semail-queued.8 man/semail-queue.8
dist_man_MANS += man/semail-authd.8 man/semail-admind.8 \
	man/semail-admin.8 man/semail-schema.5 man/semail-exports.5
dist_man_MANS += man/semail-hooks.7
dist_man_MANS += man/semail-spawnd.8 man/semail-local.8 \
	man/semail-box-worker.8 man/semail-maildir.5
dist_man_MANS += man/semail-admin.3 man/semail-admin-protocol.7
dist_man_MANS += man/semail-forward.5 man/semail-vacation.5
