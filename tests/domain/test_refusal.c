/* Every "no" has its clause. */
#include <ctype.h>
#include <string.h>

#include <criterion/criterion.h>

#include "domain/refusal.h"

Test(refusal, has_one_clause_each_that_ends_a_sentence)
{
    for (enum refusal refusal = 0; refusal < REFUSALS; refusal++) {
        const char *text = refusal_text(refusal);
        cr_assert_not_null(text, "refusal %d", (int)refusal);
        cr_expect(strlen(text) > 10 && strlen(text) < 120, "%s", text);
        cr_expect(islower((unsigned char)text[0]), "it stands after a colon: %s", text);
        cr_expect_neq(text[strlen(text) - 1], '.', "whoever quotes it ends the sentence: %s", text);
        for (enum refusal other = 0; other < refusal; other++)
            cr_expect_str_neq(text, refusal_text(other));
    }
}

Test(refusal, of_an_order_that_is_over_says_why)
{
    cr_assert_str_eq(refusal_text(REFUSAL_SHIPPED), "it has been shipped already");
    cr_assert_str_eq(refusal_text(REFUSAL_UNKNOWN_SKU), "the product is not listed");
    cr_assert_str_eq(refusal_text(REFUSAL_OTHER_LINES), "its reference stands for an order with other lines");
}
