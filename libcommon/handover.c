#include "config.h"
#include "libcommon/handover.h"
#include "libcommon/log.h"
#include "libcommon/wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HO_VERSION 1

struct handover *
ho_new(void)
{
	struct handover *ho = calloc(1, sizeof(*ho));

	if (ho == NULL)
		fatal("handover");
	return ho;
}

void
ho_free(struct handover **hop)
{
	struct handover *ho = *hop;

	*hop = NULL;
	if (ho == NULL)
		return;
	for (unsigned i = 0; i < ho->nsettings; i++) {
		explicit_bzero(ho->settings[i].data, ho->settings[i].len);
		free(ho->settings[i].data);
		free(ho->settings[i].name);
	}
	free(ho);
}

void
ho_add_fd(struct handover *ho, enum ho_fd_kind kind, const char *name, int fd)
{
	struct ho_fd *f;

	if (ho->nfds == HO_FDS_MAX || strlen(name) >= sizeof(f->name))
		fatalx("handover too many descriptors");
	f = &ho->fds[ho->nfds++];
	f->kind = kind;
	f->fd = fd;
	snprintf(f->name, sizeof(f->name), "%s", name);
}

void
ho_set(struct handover *ho, const char *name, struct span value)
{
	struct ho_setting *s;

	if (ho->nsettings == HO_SETTINGS_MAX)
		fatalx("handover too many settings");
	s = &ho->settings[ho->nsettings++];
	if ((s->name = strdup(name)) == NULL ||
	    (s->data = malloc(value.len + 1)) == NULL)
		fatal("handover");
	if (value.len > 0)
		memcpy(s->data, value.data, value.len);
	s->data[value.len] = '\0';
	s->len = value.len;
}

void
ho_put(struct buf *b, const struct handover *ho)
{
	wire_put_u32(b, HO_VERSION);
	wire_put_str(b, role_name(ho->role));
	wire_put_u32(b, ho->instance);
	wire_put_u32(b, ho->instances);
	wire_put_u8(b, ho->privileged);
	wire_put_u32(b, ho->uid);
	wire_put_u32(b, ho->gid);
	wire_put_u32(b, ROLE__COUNT);
	for (unsigned i = 0; i < ROLE__COUNT; i++)
		wire_put_u32(b, ho->role_uid[i]);
	wire_put_str(b, ho->dir);
	wire_put_u32(b, ho->nfds);
	for (unsigned i = 0; i < ho->nfds; i++) {
		wire_put_u8(b, (uint8_t)ho->fds[i].kind);
		wire_put_u32(b, (uint32_t)ho->fds[i].fd);
		wire_put_str(b, ho->fds[i].name);
	}
	wire_put_u32(b, ho->nsettings);
	for (unsigned i = 0; i < ho->nsettings; i++) {
		wire_put_str(b, ho->settings[i].name);
		wire_put_bytes(b,
		    span_from(ho->settings[i].data, ho->settings[i].len));
	}
}

static int
ho_get_all(struct wire *w, struct handover *ho)
{
	char name[64];
	uint32_t n;

	if (wire_u32(w) != HO_VERSION)
		return -1;
	wire_cstr(w, name, sizeof(name));
	if (role_by_name(name, &ho->role) == -1)
		return -1;
	ho->instance = wire_u32(w);
	ho->instances = wire_u32(w);
	ho->privileged = wire_u8(w);
	ho->uid = wire_u32(w);
	ho->gid = wire_u32(w);
	if (wire_u32(w) != ROLE__COUNT)
		return -1;
	for (unsigned i = 0; i < ROLE__COUNT; i++)
		ho->role_uid[i] = wire_u32(w);
	wire_cstr(w, ho->dir, sizeof(ho->dir));
	n = wire_u32(w);
	if (w->bad || n > HO_FDS_MAX)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t kind = wire_u8(w);
		uint32_t fd = wire_u32(w);

		wire_cstr(w, name, sizeof(ho->fds[0].name));
		if (w->bad || kind > HO_DIR || fd > INT32_MAX)
			return -1;
		ho_add_fd(ho, (enum ho_fd_kind)kind, name, (int)fd);
	}
	n = wire_u32(w);
	if (w->bad || n > HO_SETTINGS_MAX)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		wire_cstr(w, name, sizeof(name));
		struct span value = wire_bytes(w, HO_MAX);

		if (w->bad)
			return -1;
		ho_set(ho, name, value);
	}
	return wire_done(w);
}

struct handover *
ho_get(struct span bytes)
{
	struct handover *ho = ho_new();
	struct wire w;

	wire_init(&w, bytes);
	if (ho_get_all(&w, ho) == -1) {
		ho_free(&ho);
		errno = EBADMSG;
	}
	return ho;
}

static const struct ho_setting *
ho_find(const struct handover *ho, const char *name)
{
	for (unsigned i = 0; i < ho->nsettings; i++)
		if (strcmp(ho->settings[i].name, name) == 0)
			return &ho->settings[i];
	return NULL;
}

static const struct ho_setting *
ho_want(const struct handover *ho, const char *name)
{
	const struct ho_setting *s = ho_find(ho, name);

	if (s == NULL)
		fatalx("bug setting=%s was not handed to role=%s", name,
		    role_name(ho->role));
	return s;
}

bool
ho_has(const struct handover *ho, const char *name)
{
	return ho_find(ho, name) != NULL;
}

const char *
ho_str(const struct handover *ho, const char *name)
{
	return (const char *)ho_want(ho, name)->data;
}

uint64_t
ho_num(const struct handover *ho, const char *name)
{
	uint64_t v;
	const struct ho_setting *s = ho_want(ho, name);

	if (span_u64(span_from(s->data, s->len), UINT64_MAX, &v) == -1)
		fatalx("bug setting=%s is no number", name);
	return v;
}

bool
ho_flag(const struct handover *ho, const char *name)
{
	return strcmp(ho_str(ho, name), "yes") == 0;
}

struct span
ho_blob(const struct handover *ho, const char *name)
{
	const struct ho_setting *s = ho_find(ho, name);

	return s == NULL ? span_from("", 0) : span_from(s->data, s->len);
}
