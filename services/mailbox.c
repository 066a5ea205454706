/* A Maildir (D. J. Bernstein) of RFC 5322 messages.
 *
 *   mail/tmp/<event id>.till.<handle>   being written, by one handle of one process; read by nobody
 *   mail/new/<event id>.till            delivered
 *   mail/cur/<event id>.till:2,S        seen: a mail reader moved it here and wrote its flags behind the name
 *
 * A batch is delivered in three steps: (1) the files in tmp are made durable, (2) each is renamed into new, (3) the
 * folder new is made durable. A crash before a mail's rename leaves none of it to readers, a crash after it leaves it
 * whole; who repeats the batch finds what was renamed and writes the rest again.
 *
 * Step 1 syncs each file while they are few and the whole file system once when they are many: on ext4 a sync for each
 * costs 0.28 ms a mail at any number, and one for all 0.5 ms for one mail, 2.5 ms for 25 and 6.5 ms for 100.
 *
 * What a message may hold: a customer that is no dot-atom becomes a quoted string (RFC 5322 3.2.4), in which characters
 * beyond ASCII stand as they are (RFC 6532), so that what the reader sees is the customer and nothing is encoded that
 * somebody would have to decode again. A subject that is not short and plain becomes encoded words (RFC 2047). Control
 * characters are refused in both, so that neither can end its header and begin another. */
#include "services/mailbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

enum {
    HANDLE_TEXT_SIZE = 9,     /* eight hex digits */
    MAIL_NAME_SIZE = 64,      /* "<event id>.till.<handle>" and room */
    CUSTOMER_BYTES_MAX = 400, /* so that its header, every byte escaped, stays under LINE_BYTES_MAX */
    SUBJECT_BYTES_MAX = 2000,
    BODY_BYTES_MAX = 1 << 20,
    LINE_BYTES_MAX = 998,         /* RFC 5322 2.1.1, without the line's end */
    SUBJECT_PLAIN_MAX = 69,       /* "Subject: " and this are 78, the line's length that RFC 5322 recommends */
    ENCODED_WORD_BYTES_MAX = 39,  /* in base64 and its frame 64: with "Subject: " under RFC 2047's 76 */
    QUOTED_LINE_MAX = 75,         /* and the '=' of a soft break are RFC 2045's 76 */
    SYNC_EACH_MAX = 3,            /* more mails than this share one syncfs */
    TMP_AGE_MAX_S = 36 * 60 * 60, /* Maildir's own rule: nobody takes so long to write a mail */
};

static const char mail_suffix[] = ".till";

/* ---- a set of ids: open addressing, the nil id is a free place. Ids are hashes already. ---- */

struct id_set {
    struct uuid *places;
    size_t capacity; /* 0 or a power of two */
    size_t count;
};

/* The place that holds the id, or the free one where it belongs. */
static size_t id_set_find(const struct id_set *set, struct uuid id)
{
    uint64_t hash;
    memcpy(&hash, id.bytes + UUID_BYTES - sizeof hash, sizeof hash);
    size_t place = (size_t)hash & (set->capacity - 1);
    while (!uuid_is_nil(set->places[place]) && !uuid_equal(set->places[place], id))
        place = (place + 1) & (set->capacity - 1);
    return place;
}

static bool id_set_holds(const struct id_set *set, struct uuid id)
{
    return set->count > 0 && !uuid_is_nil(set->places[id_set_find(set, id)]);
}

/* Makes room for so many more ids. */
static enum status id_set_reserve(struct id_set *set, size_t more, struct error *error)
{
    size_t capacity = set->capacity == 0 ? 64 : set->capacity;
    while ((set->count + more) * 2 > capacity)
        capacity *= 2;
    if (capacity == set->capacity)
        return STATUS_OK;
    struct id_set larger = {.places = calloc(capacity, sizeof *larger.places), .capacity = capacity};
    if (larger.places == NULL)
        return error_memory(error);
    for (size_t i = 0; i < set->capacity; i++)
        if (!uuid_is_nil(set->places[i]))
            larger.places[id_set_find(&larger, set->places[i])] = set->places[i];
    larger.count = set->count;
    free(set->places);
    *set = larger;
    return STATUS_OK;
}

static enum status id_set_add(struct id_set *set, struct uuid id, struct error *error)
{
    const enum status status = id_set_reserve(set, 1, error);
    if (status != STATUS_OK)
        return status;
    const size_t place = id_set_find(set, id);
    set->count += uuid_is_nil(set->places[place]);
    set->places[place] = id;
    return STATUS_OK;
}

static void id_set_clear(struct id_set *set)
{
    free(set->places);
    *set = (struct id_set){0};
}

struct mailbox {
    int new, cur, tmp;             /* the three folders, open */
    char handle[HANDLE_TEXT_SIZE]; /* ours in tmp: two handles never write one file */
    struct id_set batch;           /* in tmp, to be delivered */
    struct id_set delivered;       /* in new or cur, as far as we know */
    struct timespec cur_changed;   /* when cur had last changed, before it was last read */
    bool cur_is_known;             /* it was read long enough after that */
    bool repeats;                  /* this batch rests on mails that somebody else may have left unsynced */
    struct buffer text;
};

/* ---- names ---- */

static void mail_name(char name[MAIL_NAME_SIZE], struct uuid id)
{
    uuid_to_text(id, name);
    memcpy(name + UUID_TEXT_SIZE - 1, mail_suffix, sizeof mail_suffix);
}

static void draft_name(const struct mailbox *mailbox, char name[MAIL_NAME_SIZE], struct uuid id)
{
    mail_name(name, id);
    char *end = name + strlen(name);
    *end = '.';
    memcpy(end + 1, mailbox->handle, HANDLE_TEXT_SIZE);
}

/* Also with what a mail reader, or we in tmp, have written behind it. */
static bool mail_name_id(const char *name, struct uuid *id)
{
    const size_t length = UUID_TEXT_SIZE - 1;
    return strlen(name) > length && uuid_from_canonical(name, length, id) &&
           strncmp(name + length, mail_suffix, sizeof mail_suffix - 1) == 0;
}

void message_id_text(struct uuid id, char text[MESSAGE_ID_SIZE])
{
    static const char domain[] = "@shop.invalid>";
    text[0] = '<';
    uuid_to_text(id, text + 1);
    memcpy(text + UUID_TEXT_SIZE, domain, sizeof domain);
}

/* ---- the message ---- */

static bool is_atom_character(char character)
{
    const bool letter = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
    const bool digit = character >= '0' && character <= '9';
    return letter || digit || (character != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", character) != NULL);
}

/* RFC 5322 3.2.3: atoms with single dots between them. */
static bool is_dot_atom(const char *text)
{
    char before = '.';
    for (; *text != '\0'; before = *text++)
        if (!is_atom_character(*text) && (*text != '.' || before == '.'))
            return false;
    return before != '.';
}

static void append_address(struct buffer *out, const char *customer)
{
    if (is_dot_atom(customer)) {
        buffer_text(out, customer);
    } else {
        buffer_char(out, '"');
        for (const char *at = customer; *at != '\0'; at++) {
            if (*at == '"' || *at == '\\')
                buffer_char(out, '\\');
            buffer_char(out, *at);
        }
        buffer_char(out, '"');
    }
    buffer_text(out, "@shop.invalid");
}

static void append_base64(struct buffer *out, const unsigned char *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        const size_t left = length - i;
        const uint32_t three = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)bytes[i + 2] : 0);
        buffer_char(out, digits[three >> 18]);
        buffer_char(out, digits[three >> 12 & 63]);
        buffer_char(out, left > 1 ? digits[three >> 6 & 63] : '=');
        buffer_char(out, left > 2 ? digits[three & 63] : '=');
    }
}

/* How many bytes of `text` fit into one encoded word without cutting a character. */
static size_t encoded_word_bytes(const char *text, const char *end)
{
    const char *at = text;
    while (at < end) {
        uint32_t codepoint;
        const size_t length = text_decode(at, end, &codepoint);
        CHECK(length > 0); /* the subject was checked */
        if ((size_t)(at - text) + length > ENCODED_WORD_BYTES_MAX)
            break;
        at += length;
    }
    return (size_t)(at - text);
}

/* Fits its line, and no reader would take it for something else: for an encoded word, or for a blank that folding
 * left behind. */
static bool is_plain_subject(const char *subject)
{
    const size_t length = strlen(subject);
    if (length == 0 || length > SUBJECT_PLAIN_MAX || subject[0] == ' ' || subject[length - 1] == ' ')
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)subject[i] < 0x20 || (unsigned char)subject[i] > 0x7e)
            return false;
    return strstr(subject, "=?") == NULL;
}

static void append_subject(struct buffer *out, const char *subject)
{
    if (is_plain_subject(subject)) {
        buffer_text(out, subject);
        return;
    }
    const char *end = subject + strlen(subject);
    while (subject < end) {
        const size_t length = encoded_word_bytes(subject, end);
        buffer_text(out, "=?UTF-8?B?");
        append_base64(out, (const unsigned char *)subject, length);
        buffer_text(out, "?=");
        subject += length;
        if (subject < end)
            buffer_text(out, "\n "); /* a blank between encoded words is none of the subject's */
    }
}

/* "Mon, 23 Nov 2026 18:40:00 +0000" */
static void append_date(struct buffer *out, int64_t at_us)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const int64_t clamped_us = at_us < TIME_MIN_US ? TIME_MIN_US : at_us > TIME_MAX_US ? TIME_MAX_US : at_us;
    const time_t second = (time_t)((clamped_us - TIME_MIN_US) / 1000000 + TIME_MIN_US / 1000000);
    struct tm utc;
    CHECK(gmtime_r(&second, &utc) != NULL);
    buffer_format(out, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[utc.tm_wday], utc.tm_mday, months[utc.tm_mon],
                  utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

/* ---- the body ---- */

/* True when a line is too long to stand as it is, or holds a control character that a mail may not or should not. */
static bool needs_quoted_printable(const char *body)
{
    size_t line_bytes = 0;
    for (const char *at = body; *at != '\0'; at++) {
        line_bytes = *at == '\n' ? 0 : line_bytes + 1;
        const bool is_control = ((unsigned char)*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7f;
        if (is_control || line_bytes > LINE_BYTES_MAX)
            return true;
    }
    return false;
}

/* RFC 2045 6.7, rules 1 to 3: a blank may stand as it is, but not at the end of a line. */
static bool is_quoted_literal(const char *at)
{
    if (*at == ' ' || *at == '\t')
        return at[1] != '\n' && at[1] != '\0';
    return *at > 0x20 && *at < 0x7f && *at != '=';
}

static void append_quoted_printable(struct buffer *out, const char *body)
{
    size_t column = 0;
    for (const char *at = body; *at != '\0'; at++) {
        if (*at == '\n') {
            buffer_char(out, '\n');
            column = 0;
            continue;
        }
        const bool literal = is_quoted_literal(at);
        const size_t width = literal ? 1 : 3;
        if (column + width > QUOTED_LINE_MAX) {
            buffer_text(out, "=\n");
            column = 0;
        }
        if (literal)
            buffer_char(out, *at);
        else
            buffer_format(out, "=%02X", (unsigned)(unsigned char)*at);
        column += width;
    }
}

static enum status compose(struct buffer *out, const struct message *message, struct error *error)
{
    const bool quoted = needs_quoted_printable(message->body);
    char id[MESSAGE_ID_SIZE];
    message_id_text(message->id, id);

    buffer_reset(out);
    buffer_text(out, "From: Tillroll <shop@shop.invalid>\nTo: ");
    append_address(out, message->customer);
    buffer_text(out, "\nSubject: ");
    append_subject(out, message->subject);
    buffer_text(out, "\nDate: ");
    append_date(out, message->date_us);
    buffer_format(out, "\nMessage-ID: %s\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n", id);
    buffer_format(out, "Content-Transfer-Encoding: %s\n\n", quoted ? "quoted-printable" : "8bit");
    if (quoted)
        append_quoted_printable(out, message->body);
    else
        buffer_text(out, message->body);
    if (out->length > 0 && out->data[out->length - 1] != '\n')
        buffer_char(out, '\n');
    return buffer_ok(out, error);
}

static enum status check_message(const struct message *message, struct error *error)
{
    CHECK(!uuid_is_nil(message->id));
    if (!text_is_clean(message->customer, strlen(message->customer), CUSTOMER_BYTES_MAX))
        return error_set(error, STATUS_INVALID, "a mail's customer must be 1 to %d bytes without control characters",
                         CUSTOMER_BYTES_MAX);
    if (!text_is_clean(message->subject, strlen(message->subject), SUBJECT_BYTES_MAX))
        return error_set(error, STATUS_INVALID, "a mail's subject must be 1 to %d bytes without control characters",
                         SUBJECT_BYTES_MAX);
    const size_t length = strlen(message->body);
    if (length > BODY_BYTES_MAX || !text_is_utf8(message->body, length))
        return error_set(error, STATUS_INVALID, "a mail's body must be UTF-8 of at most %d bytes", BODY_BYTES_MAX);
    return STATUS_OK;
}

/* ---- what was delivered already ---- */

/* Calls `visit` for each of our mails in an open folder; a visitor's failure ends the walk. */
static enum status walk_folder(struct mailbox *mailbox, int folder,
                               enum status (*visit)(struct mailbox *, const char *name, struct uuid, struct error *),
                               struct error *error)
{
    const int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* an offset of its own */
    DIR *listing = again < 0 ? NULL : fdopendir(again);
    if (listing == NULL) {
        const enum status status = error_errno(error, "read", "a folder of the mailbox");
        if (again >= 0)
            (void)close(again);
        return status;
    }
    enum status status = STATUS_OK;
    const struct dirent *entry;
    for (errno = 0; status == STATUS_OK && (entry = readdir(listing)) != NULL; errno = 0) {
        struct uuid id;
        if (mail_name_id(entry->d_name, &id))
            status = visit(mailbox, entry->d_name, id, error);
    }
    if (status == STATUS_OK && errno != 0)
        status = error_errno(error, "read", "a folder of the mailbox");
    (void)closedir(listing);
    return status;
}

static enum status remember(struct mailbox *mailbox, const char *name, struct uuid id, struct error *error)
{
    (void)name;
    return uuid_is_nil(id) ? STATUS_OK : id_set_add(&mailbox->delivered, id, error);
}

/* Whether a folder's time can be relied on to differ after the next change. Times are as coarse as the kernel's tick
 * (10 ms at most), on old file systems as a second: a change within the tick of the one before leaves the same time. */
static bool is_settled(struct timespec changed)
{
    const int64_t changed_us = (int64_t)changed.tv_sec * 1000000 + changed.tv_nsec / 1000;
    const int64_t tick_us = changed.tv_nsec == 0 ? 2000000 : 20000;
    const int64_t age_us = clock_now_us(&clock_system) - changed_us; /* the file system's clock, not the shop's */
    return age_us > tick_us || age_us < -tick_us;
}

/* Reads cur again when it has changed, or may have, since it was read. */
static enum status look_into_cur(struct mailbox *mailbox, struct error *error)
{
    struct stat found;
    if (fstat(mailbox->cur, &found) != 0)
        return error_errno(error, "look at", "the mailbox");
    const struct timespec changed = found.st_mtim;
    if (mailbox->cur_is_known && changed.tv_sec == mailbox->cur_changed.tv_sec &&
        changed.tv_nsec == mailbox->cur_changed.tv_nsec)
        return STATUS_OK;
    const bool settled = is_settled(changed);
    const enum status status = walk_folder(mailbox, mailbox->cur, remember, error);
    mailbox->cur_changed = changed;
    mailbox->cur_is_known = settled && status == STATUS_OK;
    return status;
}

/* First new, then cur: what is moved between the two looks is seen by the second. */
static enum status was_delivered(struct mailbox *mailbox, struct uuid id, bool *delivered, struct error *error)
{
    *delivered = id_set_holds(&mailbox->delivered, id);
    if (*delivered)
        return STATUS_OK;
    char name[MAIL_NAME_SIZE];
    mail_name(name, id);
    if (faccessat(mailbox->new, name, F_OK, 0) == 0) {
        *delivered = true;
        return id_set_add(&mailbox->delivered, id, error);
    }
    if (errno != ENOENT)
        return error_errno(error, "look for", name);
    const enum status status = look_into_cur(mailbox, error);
    *delivered = id_set_holds(&mailbox->delivered, id);
    return status;
}

/* ---- a batch ---- */

static enum status write_all(int descriptor, const char *bytes, size_t length, const char *name, struct error *error)
{
    while (length > 0) {
        const ssize_t written = write(descriptor, bytes, length);
        if (written < 0 && errno != EINTR)
            return error_errno(error, "write the mail", name);
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return STATUS_OK;
}

static enum status write_draft(struct mailbox *mailbox, struct uuid id, struct error *error)
{
    char name[MAIL_NAME_SIZE];
    draft_name(mailbox, name, id);
    const int file = openat(mailbox->tmp, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return error_errno(error, "make the mail", name);
    enum status status = write_all(file, mailbox->text.data, mailbox->text.length, name, error);
    if (close(file) != 0 && status == STATUS_OK)
        status = error_errno(error, "write the mail", name);
    if (status == STATUS_OK)
        status = id_set_add(&mailbox->batch, id, error);
    if (status != STATUS_OK)
        (void)unlinkat(mailbox->tmp, name, 0);
    return status;
}

enum status mailbox_put(struct mailbox *mailbox, const struct message *message, struct error *error)
{
    enum status status = check_message(message, error);
    if (status != STATUS_OK || id_set_holds(&mailbox->batch, message->id))
        return status;
    bool delivered;
    status = was_delivered(mailbox, message->id, &delivered, error);
    if (status != STATUS_OK)
        return status;
    if (delivered) {
        mailbox->repeats = true;
        return STATUS_OK;
    }
    status = compose(&mailbox->text, message, error);
    return status == STATUS_OK ? write_draft(mailbox, message->id, error) : status;
}

static enum status sync_draft(struct mailbox *mailbox, struct uuid id, struct error *error)
{
    char name[MAIL_NAME_SIZE];
    draft_name(mailbox, name, id);
    const int file = openat(mailbox->tmp, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file < 0)
        return error_errno(error, "open the mail", name);
    enum status status = STATUS_OK;
    if (fdatasync(file) != 0)
        status = error_errno(error, "write to disk the mail", name);
    (void)close(file);
    return status;
}

static enum status show_draft(struct mailbox *mailbox, struct uuid id, struct error *error)
{
    char draft[MAIL_NAME_SIZE], name[MAIL_NAME_SIZE];
    draft_name(mailbox, draft, id);
    mail_name(name, id);
    if (renameat(mailbox->tmp, draft, mailbox->new, name) != 0)
        return error_errno(error, "deliver the mail", name);
    return STATUS_OK;
}

static enum status remember_delivered(struct mailbox *mailbox, struct uuid id, struct error *error)
{
    return id_set_add(&mailbox->delivered, id, error);
}

static enum status each_of_batch(struct mailbox *mailbox,
                                 enum status (*act)(struct mailbox *, struct uuid, struct error *), struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < mailbox->batch.capacity; i++)
        if (!uuid_is_nil(mailbox->batch.places[i]))
            status = act(mailbox, mailbox->batch.places[i], error);
    return status;
}

static enum status sync_drafts(struct mailbox *mailbox, struct error *error)
{
    if (mailbox->batch.count <= SYNC_EACH_MAX)
        return each_of_batch(mailbox, sync_draft, error);
    return syncfs(mailbox->tmp) == 0 ? STATUS_OK : error_errno(error, "write to disk", "a batch of mails");
}

static enum status sync_folder(int folder, struct error *error)
{
    return fsync(folder) == 0 ? STATUS_OK : error_errno(error, "write to disk", "a folder of the mailbox");
}

enum status mailbox_deliver(struct mailbox *mailbox, struct error *error)
{
    if (mailbox->batch.count == 0 && !mailbox->repeats)
        return STATUS_OK;
    enum status status = id_set_reserve(&mailbox->delivered, mailbox->batch.count, error);
    if (status == STATUS_OK)
        status = sync_drafts(mailbox, error);
    if (status == STATUS_OK)
        status = each_of_batch(mailbox, show_draft, error);
    if (status == STATUS_OK)
        status = sync_folder(mailbox->new, error);
    if (status == STATUS_OK && mailbox->repeats)
        status = sync_folder(mailbox->cur, error);
    if (status == STATUS_OK)
        status = each_of_batch(mailbox, remember_delivered, error);
    if (status == STATUS_OK)
        id_set_clear(&mailbox->batch);
    mailbox_drop(mailbox); /* on success nothing is left to drop */
    return status;
}

static enum status remove_draft(struct mailbox *mailbox, struct uuid id, struct error *error)
{
    (void)error;
    char name[MAIL_NAME_SIZE];
    draft_name(mailbox, name, id);
    (void)unlinkat(mailbox->tmp, name, 0); /* what stays is read by nobody and removed when it is old */
    return STATUS_OK;
}

void mailbox_drop(struct mailbox *mailbox)
{
    CHECK(each_of_batch(mailbox, remove_draft, NULL) == STATUS_OK);
    id_set_clear(&mailbox->batch);
    mailbox->repeats = false;
}

/* ---- opening ---- */

static enum status open_folder(int *folder, const char *parent, const char *name, struct error *error)
{
    char path[PATH_SIZE];
    enum status status = path_join(path, parent, error, "%s", name);
    if (status == STATUS_OK)
        status = file_make_folder(path, error);
    if (status != STATUS_OK)
        return status;
    *folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *folder < 0 ? error_errno(error, "open", path) : STATUS_OK;
}

/* Removes a draft that its writer, dead or not, will never finish. */
static enum status remove_stale(struct mailbox *mailbox, const char *name, struct uuid id, struct error *error)
{
    (void)id, (void)error;
    struct stat found;
    if (fstatat(mailbox->tmp, name, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
        clock_now_us(&clock_system) / 1000000 - found.st_mtim.tv_sec > TMP_AGE_MAX_S)
        (void)unlinkat(mailbox->tmp, name, 0);
    return STATUS_OK;
}

static enum status open_in_folder(struct mailbox *mailbox, const char *folder, struct error *error)
{
    char mail[PATH_SIZE];
    enum status status = path_join(mail, folder, error, "mail");
    if (status == STATUS_OK)
        status = file_make_folder(mail, error);
    if (status == STATUS_OK)
        status = open_folder(&mailbox->tmp, mail, "tmp", error);
    if (status == STATUS_OK)
        status = open_folder(&mailbox->new, mail, "new", error);
    if (status == STATUS_OK)
        status = open_folder(&mailbox->cur, mail, "cur", error);
    if (status == STATUS_OK)
        status = file_sync(mail, error);
    if (status == STATUS_OK)
        status = file_sync(folder, error);
    if (status == STATUS_OK)
        status = walk_folder(mailbox, mailbox->tmp, remove_stale, error);
    return status;
}

enum status mailbox_open(struct mailbox **mailbox, const char *folder, struct error *error)
{
    *mailbox = NULL;
    struct mailbox *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return error_memory(error);
    opened->new = opened->cur = opened->tmp = -1;
    char random[UUID_TEXT_SIZE];
    uuid_to_text(uuid_random(), random);
    memcpy(opened->handle, random, HANDLE_TEXT_SIZE - 1); /* the digits before the first dash */
    const enum status status = open_in_folder(opened, folder, error);
    if (status == STATUS_OK)
        *mailbox = opened;
    else
        mailbox_close(&opened);
    return status;
}

static void close_folder(int folder)
{
    if (folder >= 0)
        (void)close(folder);
}

void mailbox_close(struct mailbox **mailbox)
{
    struct mailbox *closing = *mailbox;
    if (closing == NULL)
        return;
    mailbox_drop(closing);
    close_folder(closing->new);
    close_folder(closing->cur);
    close_folder(closing->tmp);
    id_set_clear(&closing->delivered);
    buffer_clear(&closing->text);
    free(closing);
    *mailbox = NULL;
}
