dist_man_MANS += man/semail.8 man/semaild.8 man/semail.conf.5 man/semail-pop3d.8
