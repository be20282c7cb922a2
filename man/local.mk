dist_man_MANS += man/semail.8 man/semaild.8 man/semail.conf.5
dist_man_MANS += man/semail-queued.8 man/semail-queue.8
