/* truth.h - what a shop must look like after an import, as tests/data/make_truth.py works it out. */
#ifndef TESTS_CLI_TRUTH_H
#define TESTS_CLI_TRUTH_H

/* The shop in ./shop (which is settled) is exactly as a section ("stopped", "settled") of FOLDER/truth.json says: how
 * many orders are confirmed and cancelled and why, revenue and refunds, what is available of every sku, the sales of
 * every day, the first orders out of stock, and the best customers and skus. */
void shop_is_as(const char *folder, const char *section);

#endif
