/* The mailbox: what a mail looks like, that it comes once, and that it comes whole or not at all. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "services/mailbox.h"
#include "tests/services/sync_log.h"
#include "tests/support/mail.h"

enum { DIED_ON_PURPOSE = 7, MAIL_MAX = 1 << 22 };

#define MONDAY_EVENING_US INT64_C(1795459200123456) /* 2026-11-23T18:40:00.123456Z */

static char folder[64];
static struct mailbox *box;
static struct buffer decoded;
static struct error error;

/* ---- given ---- */

static const char *path_of(const char *name)
{
    static char path[PATH_SIZE];
    cr_assert_eq(path_join(path, folder, &error, "%s", name), STATUS_OK);
    return path;
}

static void open_box(void)
{
    cr_assert_eq(mailbox_open(&box, folder, &error), STATUS_OK, "%s", error.text);
}

static void open_shop(void)
{
    (void)snprintf(folder, sizeof folder, "/tmp/till-mail-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    open_box();
}

static void empty_folder(const char *name)
{
    DIR *listing = opendir(path_of(name));
    if (listing == NULL)
        return;
    const struct dirent *entry;
    while ((entry = readdir(listing)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(listing), entry->d_name, 0);
    (void)closedir(listing);
    (void)rmdir(path_of(name));
}

static void close_shop(void)
{
    mailbox_close(&box);
    buffer_clear(&decoded);
    empty_folder("mail/new");
    empty_folder("mail/cur");
    empty_folder("mail/tmp");
    cr_expect_eq(rmdir(path_of("mail")), 0, "a Maildir holds new, cur, tmp and nothing else");
    cr_expect_eq(rmdir(folder), 0);
}

TestSuite(mailbox, .init = open_shop, .fini = close_shop, .timeout = 60);

static struct uuid event_number(unsigned number)
{
    struct uuid id = {{0xe0}};
    id.bytes[13] = (uint8_t)(number >> 16);
    id.bytes[14] = (uint8_t)(number >> 8);
    id.bytes[15] = (uint8_t)number;
    return id;
}

static const char mail_7[] = "e0000000-0000-0000-0000-000000000007.till";

static struct message a_message(unsigned number)
{
    return (struct message){.id = event_number(number),
                            .customer = "alice",
                            .subject = "Your order 42 is confirmed",
                            .body = "Thank you.\n",
                            .date_us = MONDAY_EVENING_US};
}

/* ---- when ---- */

static enum status put_message(struct message message)
{
    return mailbox_put(box, &message, &error);
}

static void put(unsigned number)
{
    cr_assert_eq(put_message(a_message(number)), STATUS_OK, "%s", error.text);
}

static void deliver(void)
{
    cr_assert_eq(mailbox_deliver(box, &error), STATUS_OK, "%s", error.text);
}

static void reopen(void)
{
    mailbox_close(&box);
    open_box();
}

/* What a mail reader does with a mail it has shown. */
static void reader_moves_to_cur(const char *name, const char *flags)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    cr_assert_eq(path_join(from, folder, &error, "mail/new/%s", name), STATUS_OK);
    cr_assert_eq(path_join(to, folder, &error, "mail/cur/%s%s", name, flags), STATUS_OK);
    cr_assert_eq(rename(from, to), 0);
}

static void in_a_process_that_dies(void (*work)(void))
{
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        work();
        _exit(DIED_ON_PURPOSE);
    }
    int state;
    cr_assert_eq(waitpid(child, &state, 0), child);
    cr_assert(WIFEXITED(state) && WEXITSTATUS(state) == DIED_ON_PURPOSE, "it died of something else");
}

/* ---- then ---- */

static int files_in(const char *name)
{
    DIR *listing = opendir(path_of(name));
    cr_assert_not_null(listing);
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(listing)) != NULL)
        count += entry->d_name[0] != '.';
    (void)closedir(listing);
    return count;
}

static void mails_are(int in_new, int in_cur)
{
    cr_assert_eq(files_in("mail/new"), in_new, "%d mails in new, and not %d", files_in("mail/new"), in_new);
    cr_assert_eq(files_in("mail/cur"), in_cur, "%d mails in cur, and not %d", files_in("mail/cur"), in_cur);
    cr_assert_eq(files_in("mail/tmp"), 0, "drafts are left in tmp");
}

static const char *read_mail(const char *name)
{
    static char text[MAIL_MAX];
    char path[PATH_SIZE];
    cr_assert_eq(path_join(path, folder, &error, "mail/new/%s", name), STATUS_OK);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "there is no mail %s", name);
    const size_t length = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[length] = '\0';
    cr_assert_eq(strlen(text), length, "a NUL in the mail");
    return text;
}

/* Delivers one message and gives its text. */
static const char *mail_for(struct message message)
{
    message.id = event_number(7);
    cr_assert_eq(put_message(message), STATUS_OK, "%s", error.text);
    deliver();
    return read_mail(mail_7);
}

/* Forgets what was delivered, so that the next message can have the same name. */
static void forget(void)
{
    mailbox_close(&box);
    cr_assert_eq(unlink(path_of("mail/new/e0000000-0000-0000-0000-000000000007.till")), 0);
    open_box();
}

/* The value of one header, with its folded lines; it must stand in the mail once. */
static const char *header_of(const char *mail, const char *name)
{
    static char value[4096];
    char start[64];
    (void)snprintf(start, sizeof start, "\n%s: ", name);
    const char *end_of_headers = strstr(mail, "\n\n");
    const char *found = strstr(mail, start);
    cr_assert(found != NULL && found < end_of_headers, "no header %s in\n%s", name, mail);
    const char *again = strstr(found + 1, start);
    cr_assert(again == NULL || again > end_of_headers, "two headers %s", name);

    const char *from = found + strlen(start), *to = from;
    while (*to != '\n' || to[1] == ' ')
        to++;
    cr_assert_lt((size_t)(to - from), sizeof value);
    memcpy(value, from, (size_t)(to - from));
    value[to - from] = '\0';
    return value;
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;
    while (*text != '\0') {
        const size_t length = strcspn(text, "\n");
        longest = length > longest ? length : longest;
        text += length + (text[length] == '\n');
    }
    return longest;
}

/* ---- the message ---- */

Test(mailbox, writes_a_message_that_any_reader_understands)
{
    cr_assert_str_eq(mail_for(a_message(7)), "From: Tillroll <shop@shop.invalid>\n"
                                             "To: alice@shop.invalid\n"
                                             "Subject: Your order 42 is confirmed\n"
                                             "Date: Mon, 23 Nov 2026 18:40:00 +0000\n"
                                             "Message-ID: <e0000000-0000-0000-0000-000000000007@shop.invalid>\n"
                                             "MIME-Version: 1.0\n"
                                             "Content-Type: text/plain; charset=utf-8\n"
                                             "Content-Transfer-Encoding: 8bit\n"
                                             "\n"
                                             "Thank you.\n");
}

Test(mailbox, the_message_id_is_the_events)
{
    char text[MESSAGE_ID_SIZE];
    message_id_text(event_number(0xabcdef), text);
    cr_assert_str_eq(text, "<e0000000-0000-0000-0000-000000abcdef@shop.invalid>");
}

Test(mailbox, writes_any_customer_as_one_address)
{
    static const struct {
        const char *customer, *address;
    } expected[] = {
        {"bob", "bob@shop.invalid"},
        {"17850", "17850@shop.invalid"},
        {"anna.b-c_d+e", "anna.b-c_d+e@shop.invalid"},
        {"a/b", "a/b@shop.invalid"},
        {"o'neill", "o'neill@shop.invalid"},
        {"{a|b}~", "{a|b}~@shop.invalid"},
        {".", "\".\"@shop.invalid"},
        {"..", "\"..\"@shop.invalid"},
        {".a", "\".a\"@shop.invalid"},
        {"a.", "\"a.\"@shop.invalid"},
        {"a..b", "\"a..b\"@shop.invalid"},
        {"two words", "\"two words\"@shop.invalid"},
        {" ", "\" \"@shop.invalid"},
        {"me@home", "\"me@home\"@shop.invalid"},
        {"a\"b", "\"a\\\"b\"@shop.invalid"},
        {"a\\b", "\"a\\\\b\"@shop.invalid"},
        {"a\\", "\"a\\\\\"@shop.invalid"},
        {"x@evil.example>, <y", "\"x@evil.example>, <y\"@shop.invalid"},
        {"a,b;c:(d)[e]", "\"a,b;c:(d)[e]\"@shop.invalid"},
        {"100%", "100%@shop.invalid"},
        {"Zoë", "\"Zoë\"@shop.invalid"},
        {"李 雷", "\"李 雷\"@shop.invalid"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct message message = a_message(7);
        message.customer = expected[i].customer;
        const char *to = header_of(mail_for(message), "To");
        cr_assert_str_eq(to, expected[i].address, "%s, and not %s", to, expected[i].address);
        forget();
    }
}

Test(mailbox, a_long_customer_stays_within_the_line_even_when_every_byte_is_escaped)
{
    char customer[241];
    memset(customer, '"', 240);
    customer[240] = '\0';
    struct message message = a_message(7);
    message.customer = customer;
    cr_assert_leq(longest_line(mail_for(message)), 998);
    forget();
    for (size_t i = 0; i < 240; i += 2)
        memcpy(customer + i, "\xD8\x9C", 2); /* what grows most: an Arabic letter mark */
    cr_assert_leq(longest_line(mail_for(message)), 998);

    char longer[242];
    memset(longer, 'a', 241);
    longer[241] = '\0';
    message = a_message(8);
    message.customer = longer;
    cr_assert_eq(put_message(message), STATUS_INVALID);
}

/* CR, LF and all other controls: C0, DEL, and C1 (U+0085 ends a line for some readers). */
static const char *const with_controls[] = {
    "a\nBcc: x@evil.example",
    "a\rBcc: x@evil.example",
    "a\r\n\r\nnew body",
    "\n",
    "a\n",
    "\ta",
    "a\x7f",
    "a\xC2\x85!",
    "a\x1b[2Jb",
    "\x01",
    "",
    "\xff",
    "\xc3",
};

Test(mailbox, shows_no_other_customer_than_it_is_for)
{
    struct message message = a_message(7);
    message.customer = "evil\u202E@ecila \u8a9e";
    cr_assert_str_eq(header_of(mail_for(message), "To"), "\"evil\\\\u{202E}@ecila \u8a9e\"@shop.invalid");
}

Test(mailbox, refuses_a_customer_that_could_end_its_header)
{
    for (size_t i = 0; i < sizeof with_controls / sizeof with_controls[0]; i++) {
        struct message message = a_message(7);
        message.customer = with_controls[i];
        cr_assert_eq(put_message(message), STATUS_INVALID, "customer %zu", i);
    }
    deliver();
    mails_are(0, 0);
}

Test(mailbox, refuses_a_subject_that_could_end_its_header)
{
    for (size_t i = 0; i < sizeof with_controls / sizeof with_controls[0]; i++) {
        struct message message = a_message(7);
        message.subject = with_controls[i];
        cr_assert_eq(put_message(message), STATUS_INVALID, "subject %zu", i);
    }
    deliver();
    mails_are(0, 0);
}

Test(mailbox, a_refused_message_leaves_the_batch_as_it_was)
{
    struct message bad = a_message(8);
    bad.subject = "a\nb";
    put(7);
    cr_assert_eq(put_message(bad), STATUS_INVALID);
    put(9);
    deliver();
    mails_are(2, 0);
}

/* ---- subjects ---- */

static const char *subject_line(const char *subject)
{
    struct message message = a_message(7);
    message.subject = subject;
    return header_of(mail_for(message), "Subject");
}

Test(mailbox, leaves_a_short_plain_subject_as_it_is)
{
    static const char *const plain[] = {"a", "a  b", "Order 7: 100% off!", "\"quoted\" <x@y>"};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        cr_assert_str_eq(subject_line(plain[i]), plain[i]);
        forget();
    }
}

Test(mailbox, encodes_a_subject_that_is_not_plain)
{
    static const struct {
        const char *subject, *line;
    } expected[] = {
        {"é", "=?UTF-8?B?w6k=?="},
        {"Grüße", "=?UTF-8?B?R3LDvMOfZQ==?="},
        {"Bestellung für Zoë", "=?UTF-8?B?QmVzdGVsbHVuZyBmw7xyIFpvw6s=?="},
        {" blank first", "=?UTF-8?B?IGJsYW5rIGZpcnN0?="},
        {"blank last ", "=?UTF-8?B?YmxhbmsgbGFzdCA=?="},
        {" ", "=?UTF-8?B?IA==?="},
        {"=?UTF-8?B?aGk=?=", "=?UTF-8?B?PT9VVEYtOD9CP2FHaz0/PQ==?="},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const char *line = subject_line(expected[i].subject);
        cr_assert_str_eq(line, expected[i].line, "%s, and not %s", line, expected[i].line);
        forget();
    }
}

static void reads_back_as(const char *line, const char *subject)
{
    cr_assert(mail_read_words(line, &decoded), "no encoded words: %s", line);
    cr_assert_str_eq(buffer_string(&decoded), subject);
}

Test(mailbox, folds_a_long_subject_into_words_of_whole_characters)
{
    static const char *const characters[] = {"a", "é", "語", "🛒"};
    for (size_t length = 60; length < 300; length++) {
        char subject[300] = "";
        while (strlen(subject) + 4 < length)
            (void)strcat(subject, characters[(length + strlen(subject)) % 4]);
        const char *line = subject_line(subject);
        reads_back_as(line, subject);
        cr_assert_leq(longest_line(line), 76);
        cr_assert_leq(strcspn(line, "\n") + strlen("Subject: "), 76, "the first line is too long");
        forget();
    }
}

Test(mailbox, encodes_a_plain_subject_that_would_not_fit_its_line)
{
    char subject[71];
    memset(subject, 's', 70);
    subject[69] = '\0';
    cr_assert_str_eq(subject_line(subject), subject);
    forget();
    subject[69] = 's';
    subject[70] = '\0';
    reads_back_as(subject_line(subject), subject);
}

/* ---- dates ---- */

Test(mailbox, dates_a_message_in_utc)
{
    static const struct {
        int64_t at_us;
        const char *date;
    } expected[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 +0000"},
        {-1, "Wed, 31 Dec 1969 23:59:59 +0000"},
        {INT64_C(825552000000000), "Thu, 29 Feb 1996 00:00:00 +0000"},
        {INT64_C(951868799999999), "Tue, 29 Feb 2000 23:59:59 +0000"},
        {MONDAY_EVENING_US, "Mon, 23 Nov 2026 18:40:00 +0000"},
        {INT64_MAX, "Fri, 31 Dec 9999 23:59:59 +0000"},
        {INT64_MIN, "Mon, 01 Jan 0001 00:00:00 +0000"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        struct message message = a_message(7);
        message.date_us = expected[i].at_us;
        cr_assert_str_eq(header_of(mail_for(message), "Date"), expected[i].date);
        forget();
    }
}

/* ---- bodies ---- */

static const char *body_of(const char *mail)
{
    const char *end_of_headers = strstr(mail, "\n\n");
    cr_assert_not_null(end_of_headers);
    return end_of_headers + 2;
}

static const char *mail_saying(const char *body)
{
    struct message message = a_message(7);
    message.body = body;
    return mail_for(message);
}

Test(mailbox, leaves_a_body_as_it_is_and_ends_its_last_line)
{
    static const struct {
        const char *body, *written;
    } expected[] = {
        {"Grüße, = 100 %\n\n.\nFrom here on\ttabs\n", "Grüße, = 100 %\n\n.\nFrom here on\ttabs\n"},
        {"no end", "no end\n"},
        {"", ""},
        {"\n", "\n"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const char *mail = mail_saying(expected[i].body);
        cr_assert_str_eq(header_of(mail, "Content-Transfer-Encoding"), "8bit");
        cr_assert_str_eq(body_of(mail), expected[i].written);
        forget();
    }
}

static void is_quoted_and_reads_back(const char *body)
{
    const char *mail = mail_saying(body);
    cr_assert_str_eq(header_of(mail, "Content-Transfer-Encoding"), "quoted-printable");
    cr_assert_leq(longest_line(body_of(mail)), 76);
    cr_assert(mail_read_quoted_printable(body_of(mail), &decoded));
    const size_t length = strlen(body);
    cr_assert_eq(strncmp(buffer_string(&decoded), body, length), 0);
    cr_assert_str_eq(buffer_string(&decoded) + length, length > 0 && body[length - 1] == '\n' ? "" : "\n");
    forget();
}

Test(mailbox, quotes_a_body_with_a_line_too_long_for_mail)
{
    static char body[5000];
    memset(body, 'x', 998);
    (void)strcpy(body + 998, "\nshort\n");
    const char *mail = mail_saying(body);
    cr_assert_str_eq(header_of(mail, "Content-Transfer-Encoding"), "8bit", "998 bytes may stand");
    cr_assert_str_eq(body_of(mail), body);
    forget();

    memset(body, 'x', 999);
    (void)strcpy(body + 999, "\nshort = 3 %\nblank \ntab\t\n\n  é語🛒");
    is_quoted_and_reads_back(body);
    for (size_t i = 0; i < 1500; i += 3)
        memcpy(body + i, "語", 3);
    (void)strcpy(body + 1500, " ");
    is_quoted_and_reads_back(body);
}

Test(mailbox, quotes_a_body_with_controls)
{
    is_quoted_and_reads_back("a\rb\r\n");
    is_quoted_and_reads_back("\x1b[2J red");
    is_quoted_and_reads_back("\x7f");
}

Test(mailbox, refuses_a_body_that_is_not_utf8_or_too_long)
{
    struct message message = a_message(7);
    message.body = "\xff";
    cr_assert_eq(put_message(message), STATUS_INVALID);

    static char body[(1 << 20) + 2];
    memset(body, 'x', sizeof body - 1);
    message.body = body;
    cr_assert_eq(put_message(message), STATUS_INVALID);
    body[1 << 20] = '\0';
    cr_assert_eq(put_message(message), STATUS_OK, "%s", error.text);
}

/* ---- batches ---- */

Test(mailbox, makes_a_private_maildir)
{
    static const char *const folders[] = {"mail", "mail/new", "mail/cur", "mail/tmp"};
    struct stat found;
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(stat(path_of(folders[i]), &found), 0);
        cr_assert(S_ISDIR(found.st_mode) && (found.st_mode & 0777) == 0700, "%s", folders[i]);
    }
    put(7);
    deliver();
    cr_assert_eq(stat(path_of("mail/new/e0000000-0000-0000-0000-000000000007.till"), &found), 0);
    cr_assert_eq(found.st_mode & 0777, 0600);
}

Test(mailbox, shows_a_batch_when_it_is_delivered_and_not_before)
{
    put(7);
    put(8);
    cr_assert_eq(files_in("mail/new"), 0);
    cr_assert_eq(files_in("mail/tmp"), 2);
    deliver();
    mails_are(2, 0);
    deliver();
    mails_are(2, 0);
}

Test(mailbox, a_batch_that_is_dropped_leaves_nothing_and_can_be_put_again)
{
    put(7);
    put(8);
    mailbox_drop(box);
    mailbox_drop(box);
    mails_are(0, 0);
    deliver();
    mails_are(0, 0);
    put(7);
    deliver();
    mails_are(1, 0);
}

Test(mailbox, closing_drops_the_batch)
{
    put(7);
    reopen();
    mails_are(0, 0);
    mailbox_close(&box);
    mailbox_close(&box);
}

Test(mailbox, delivers_large_batches_whole)
{
    for (unsigned i = 1; i <= 1000; i++) {
        put(i);
        if (i == 1 || i == 3 || i == 7 || i == 100)
            deliver();
    }
    deliver();
    mails_are(1000, 0);
    cr_assert_not_null(strstr(read_mail("e0000000-0000-0000-0000-0000000003e8.till"), "\n\nThank you.\n"));
    for (unsigned i = 1; i <= 1000; i++)
        put(i);
    cr_assert_eq(files_in("mail/tmp"), 0, "all were known");
}

/* ---- once ---- */

Test(mailbox, a_repeat_is_no_second_mail)
{
    put(7);
    put(7);
    deliver();
    mails_are(1, 0);
    put(7);
    deliver();
    mails_are(1, 0);
    reopen();
    put(7);
    deliver();
    mails_are(1, 0);
}

Test(mailbox, a_mail_that_was_read_is_not_sent_again)
{
    static const char *const flags[] = {"", ":2,", ":2,S", ":2,FRST"};
    for (unsigned i = 0; i < 4; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, "e0000000-0000-0000-0000-00000000000%u.till", i);
        put(i);
        deliver();
        reader_moves_to_cur(name, flags[i]);
        put(i);
        deliver();
        reopen();
        put(i);
        deliver();
        mails_are(0, (int)i + 1);
    }
}

Test(mailbox, a_mail_that_was_thrown_away_is_not_sent_again_by_the_same_handle)
{
    put(7);
    deliver();
    cr_assert_eq(unlink(path_of("mail/new/e0000000-0000-0000-0000-000000000007.till")), 0);
    put(7);
    deliver();
    mails_are(0, 0);
}

static void delivers_7_and_dies(void)
{
    box = NULL; /* the parent's */
    open_box();
    put(7);
    deliver();
}

Test(mailbox, notices_what_a_reader_moved_a_moment_ago)
{
    for (int round = 0; round < 20; round++) {
        put(8);
        mailbox_drop(box); /* has looked into cur */
        in_a_process_that_dies(delivers_7_and_dies);
        reader_moves_to_cur(mail_7, ":2,S");
        put(7);
        deliver();
        mails_are(0, 1);
        cr_assert_eq(unlink(path_of("mail/cur/e0000000-0000-0000-0000-000000000007.till:2,S")), 0);
        reopen();
    }
}

static void set_time_of_cur(time_t second, long nanosecond)
{
    const struct timespec times[2] = {{.tv_sec = second, .tv_nsec = nanosecond},
                                      {.tv_sec = second, .tv_nsec = nanosecond}};
    cr_assert_eq(utimensat(AT_FDCWD, path_of("mail/cur"), times, 0), 0);
}

/* A file system whose times are whole seconds: the folder's time is the same before the reader's move and after it. */
Test(mailbox, notices_what_a_reader_moved_within_the_tick_of_the_folders_time)
{
    const time_t second = time(NULL);
    in_a_process_that_dies(delivers_7_and_dies);
    set_time_of_cur(second, 0);
    put(8);
    reader_moves_to_cur(mail_7, ":2,S");
    set_time_of_cur(second, 0);
    put(7);
    cr_assert_eq(files_in("mail/tmp"), 1, "the mail was moved, and would be sent again");
}

/* Hides a change from the mailbox by setting the folder's time back: it must not have looked. */
Test(mailbox, reads_cur_again_only_when_its_time_has_changed)
{
    in_a_process_that_dies(delivers_7_and_dies);
    set_time_of_cur(1000000000, 1);
    put(8);
    reader_moves_to_cur(mail_7, ":2,S");
    set_time_of_cur(1000000000, 1);
    put(7);
    cr_assert_eq(files_in("mail/tmp"), 2, "cur was read though its time is the same");
    mailbox_drop(box);
    set_time_of_cur(1000000001, 1);
    put(7);
    cr_assert_eq(files_in("mail/tmp"), 0);
    mails_are(0, 1);
}

Test(mailbox, does_not_take_other_peoples_files_for_its_mails)
{
    static const char *const names[] = {
        "mail/cur/1732387200.M1P2.host:2,S",
        "mail/cur/e0000000-0000-0000-0000-000000000007",
        "mail/cur/e0000000-0000-0000-0000-000000000007.other:2,S",
        "mail/cur/E0000000-0000-0000-0000-000000000007.till:2,S",
        "mail/cur/x",
        "mail/cur/00000000-0000-0000-0000-000000000000.till",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_assert_geq(close(open(path_of(names[i]), O_WRONLY | O_CREAT, 0600)), 0);
    put(7);
    deliver();
    mails_are(1, 6);
}

/* ---- processes that die ---- */

static void puts_two_and_dies(void)
{
    box = NULL;
    open_box();
    put(7);
    put(8);
}

/* A reader never looks into tmp: what a dead process left there is no mail. */
Test(mailbox, a_process_that_dies_before_delivery_has_sent_nothing)
{
    in_a_process_that_dies(puts_two_and_dies);
    cr_assert_eq(files_in("mail/new"), 0);
    cr_assert_eq(files_in("mail/tmp"), 2);
    reopen();
    put(7);
    put(8);
    deliver();
    cr_assert_eq(files_in("mail/new"), 2);
    cr_assert_eq(files_in("mail/tmp"), 2, "young drafts are left alone: their writer may be alive");
}

Test(mailbox, a_process_that_dies_after_delivery_has_sent_each_once)
{
    in_a_process_that_dies(delivers_7_and_dies);
    put(7);
    put(8);
    deliver();
    mails_are(2, 0);
}

/* The moment between two renames of one batch. */
Test(mailbox, a_process_that_dies_amid_delivery_is_completed_by_the_next)
{
    in_a_process_that_dies(puts_two_and_dies);
    DIR *drafts = opendir(path_of("mail/tmp"));
    const struct dirent *entry;
    while ((entry = readdir(drafts)) != NULL) {
        char to[PATH_SIZE];
        if (strncmp(entry->d_name, mail_7, strlen(mail_7)) != 0)
            continue;
        memcpy(to, path_of("mail/new/e0000000-0000-0000-0000-000000000007.till"), sizeof to);
        cr_assert_eq(renameat(dirfd(drafts), entry->d_name, AT_FDCWD, to), 0);
    }
    (void)closedir(drafts);
    put(7);
    put(8);
    deliver();
    cr_assert_eq(files_in("mail/new"), 2);
}

Test(mailbox, two_handles_with_the_same_mail_make_one)
{
    struct mailbox *mine = box, *other;
    cr_assert_eq(mailbox_open(&other, folder, &error), STATUS_OK, "%s", error.text);
    put(7);
    box = other;
    put(7);
    cr_assert_eq(files_in("mail/tmp"), 2, "each writes a draft of its own");
    deliver();
    box = mine;
    deliver();
    mailbox_close(&other);
    mails_are(1, 0);
    cr_assert_not_null(strstr(read_mail(mail_7), "Thank you."));
}

static void make_draft(const char *name, int hours_old)
{
    char path[PATH_SIZE];
    struct timespec now;
    cr_assert_eq(clock_gettime(CLOCK_REALTIME, &now), 0);
    cr_assert_eq(path_join(path, folder, &error, "mail/tmp/%s", name), STATUS_OK);
    const int file = open(path, O_WRONLY | O_CREAT, 0600);
    cr_assert_geq(file, 0);
    now.tv_sec -= hours_old * 3600;
    const struct timespec times[2] = {now, now};
    cr_assert_eq(futimens(file, times), 0);
    (void)close(file);
}

Test(mailbox, removes_its_own_drafts_after_36_hours)
{
    make_draft("e0000000-0000-0000-0000-000000000007.till.deadbeef", 37);
    make_draft("e0000000-0000-0000-0000-000000000008.till.deadbeef", 35);
    make_draft("1732387200.M1P2.host", 1000);
    reopen();
    cr_assert_eq(files_in("mail/tmp"), 2);
    cr_assert_not(file_exists(path_of("mail/tmp/e0000000-0000-0000-0000-000000000007.till.deadbeef")));
    cr_assert(file_exists(path_of("mail/tmp/1732387200.M1P2.host")), "what is not ours is not ours to remove");
}

/* ---- what is durable when ---- */

Test(mailbox, syncs_each_of_a_few_mails_before_it_shows_them_and_then_the_folder)
{
    sync_log_start();
    put(7);
    put(8);
    cr_assert_str_empty(sync_log());
    deliver();
    cr_assert_str_eq(sync_log(), "ddrrf");
    deliver();
    cr_assert_str_eq(sync_log(), "ddrrf", "there was nothing more to deliver");
}

Test(mailbox, syncs_many_mails_at_once_before_it_shows_them)
{
    sync_log_start();
    for (unsigned i = 0; i < 10; i++)
        put(i);
    deliver();
    cr_assert_str_eq(sync_log(), "srrrrrrrrrrf");
}

/* A mail that was found may have been shown by a process that died before it synced the folder. */
Test(mailbox, syncs_the_folders_of_a_repeat_before_it_relies_on_it)
{
    in_a_process_that_dies(delivers_7_and_dies);
    sync_log_start();
    put(7);
    deliver();
    cr_assert_str_eq(sync_log(), "ff");
    deliver();
    cr_assert_str_eq(sync_log(), "ff");
    put(7);
    put(8);
    deliver();
    cr_assert_str_eq(sync_log(), "ffdrff");
}

/* ---- a disk that fails ---- */

static void delivery_fails(char letter, int number)
{
    sync_log_start();
    sync_log_fail(letter, number, EIO);
    cr_assert_eq(mailbox_deliver(box, &error), STATUS_IO, "%s", error.text);
    cr_assert_eq(files_in("mail/tmp"), 0, "drafts that may not be whole on disk are written anew");
}

Test(mailbox, shows_nothing_that_could_not_be_made_durable)
{
    put(1);
    put(2);
    delivery_fails('d', 2);
    mails_are(0, 0);

    for (unsigned i = 1; i <= 10; i++)
        put(i);
    delivery_fails('s', 1);
    mails_are(0, 0);

    for (unsigned i = 1; i <= 10; i++)
        put(i);
    deliver();
    mails_are(10, 0);
}

Test(mailbox, a_delivery_that_fails_halfway_is_completed_by_its_repetition)
{
    for (unsigned i = 1; i <= 10; i++)
        put(i);
    delivery_fails('r', 5);
    mails_are(4, 0);
    for (unsigned i = 1; i <= 10; i++)
        put(i);
    deliver();
    mails_are(10, 0);
}

Test(mailbox, a_delivery_whose_folder_could_not_be_synced_is_no_delivery)
{
    put(7);
    delivery_fails('f', 1);
    sync_log_start();
    put(7);
    deliver();
    cr_assert_str_eq(sync_log(), "ff", "the mail stands already, but is not durable before this");
    mails_are(1, 0);
}

static void let_files_grow_to(rlim_t bytes)
{
    cr_assert_neq(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(mailbox, a_mail_that_cannot_be_written_whole_is_not_sent)
{
    put(7);
    let_files_grow_to(100);
    const enum status status = put_message(a_message(8));
    let_files_grow_to(0);
    cr_assert_eq(status, STATUS_IO);
    cr_assert_eq(files_in("mail/tmp"), 1);
    deliver();
    mails_are(1, 0);
    put(8);
    deliver();
    mails_are(2, 0);
    cr_assert_not_null(strstr(read_mail("e0000000-0000-0000-0000-000000000008.till"), "\n\nThank you.\n"));
}

Test(mailbox, a_delivery_that_fails_leaves_no_drafts_and_can_be_repeated)
{
    put(7);
    put(8);
    cr_assert_eq(rmdir(path_of("mail/new")), 0);
    cr_assert_eq(mailbox_deliver(box, &error), STATUS_NOT_FOUND);
    cr_assert_eq(files_in("mail/tmp"), 0);
    reopen();
    put(7);
    put(8);
    deliver();
    mails_are(2, 0);
}

Test(mailbox, says_that_the_shops_folder_is_missing)
{
    char missing[PATH_SIZE];
    struct mailbox *none;
    memcpy(missing, path_of("no such shop"), sizeof missing);
    cr_assert_eq(mailbox_open(&none, missing, &error), STATUS_NOT_FOUND);
    cr_assert_null(none);
    mailbox_close(&none);
}

Test(mailbox, says_that_something_else_stands_in_its_place)
{
    struct mailbox *none;
    cr_assert_eq(rmdir(path_of("mail/cur")), 0);
    const int file = open(path_of("mail/cur"), O_WRONLY | O_CREAT, 0600);
    cr_assert_geq(file, 0);
    (void)close(file);
    cr_assert_eq(mailbox_open(&none, folder, &error), STATUS_IO);
    cr_assert_null(none);
    (void)unlink(path_of("mail/cur"));
}
