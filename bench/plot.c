/* plot.c - the growth curves as a picture: small panels side by side, one a figure, ours beside the limit. */
#include <inttypes.h>

#include "bench/growth.h"

enum {
    COLUMNS = 4,
    PANEL_WIDTH = 240,
    PANEL_HEIGHT = 190,
    LEFT = 46, /* of the curves within a panel */
    TOP = 40,
    WIDTH = 160,
    HEIGHT = 110,
    TITLE_HEIGHT = 50,
    LABEL_HEIGHT = 12,
};

/* One panel: where it stands, and how its values become heights. */
struct panel {
    FILE *file;
    const struct growth *growth;
    enum figure_id id;
    int x, y;
    double highest;
};

static double x_of(const struct panel *panel, int size)
{
    return panel->x + LEFT + (double)WIDTH * size / (GROWTH_SIZES - 1);
}

static double y_of(const struct panel *panel, double cost)
{
    return panel->y + TOP + HEIGHT * (1 - cost / panel->highest);
}

static double cost_at(const struct panel *panel, int size, bool ours)
{
    const struct result *result = &panel->growth->results[size][panel->id];
    double value = ours ? result->value : result->limit;
    return value > 0 ? growth_cost(&figures[panel->id], value) : 0;
}

/* Enough digits to compare by, and no more. */
static int decimals_of(double cost)
{
    return cost < 10 ? 2 : cost < 100 ? 1 : 0;
}

/* Where the last value is written: beside its point, or so far from there that the two do not overlap. */
static double label_y(const struct panel *panel, bool ours)
{
    double y = y_of(panel, cost_at(panel, GROWTH_SIZES - 1, ours));
    double other = y_of(panel, cost_at(panel, GROWTH_SIZES - 1, !ours));
    bool above = y < other || (ours && y <= other);
    double apart = above ? other - y : y - other;
    double away = apart < LABEL_HEIGHT ? (LABEL_HEIGHT - apart) / 2 : 0;
    return y + 4 + (above ? -away : away);
}

static void draw_curve(const struct panel *panel, bool ours)
{
    const char *colour = ours ? "#1f5fa8" : "#9a9a9a";
    if (cost_at(panel, GROWTH_SIZES - 1, ours) <= 0)
        return;
    fprintf(panel->file, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s points=\"", colour,
            ours ? "" : " stroke-dasharray=\"5 4\"");
    for (int size = 0; size < GROWTH_SIZES; size++)
        fprintf(panel->file, "%.1f,%.1f ", x_of(panel, size), y_of(panel, cost_at(panel, size, ours)));
    fputs("\"/>\n", panel->file);
    for (int size = 0; size < GROWTH_SIZES; size++)
        fprintf(panel->file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x_of(panel, size),
                y_of(panel, cost_at(panel, size, ours)), colour);
    double last = cost_at(panel, GROWTH_SIZES - 1, ours);
    fprintf(panel->file, "<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\">%.*f</text>\n", x_of(panel, GROWTH_SIZES - 1) + 6,
            label_y(panel, ours), colour, decimals_of(last), last);
}

/* "10 k", "1 M". */
static void write_count(FILE *file, uint64_t events)
{
    if (events % 1000000 == 0)
        fprintf(file, "%" PRIu64 " M", events / 1000000);
    else if (events % 1000 == 0)
        fprintf(file, "%" PRIu64 " k", events / 1000);
    else
        fprintf(file, "%" PRIu64, events);
}

static void draw_axes(const struct panel *panel)
{
    const struct figure *figure = &figures[panel->id];
    const int bottom = panel->y + TOP + HEIGHT, left = panel->x + LEFT;
    fprintf(panel->file, "<text class=\"name\" x=\"%d\" y=\"%d\">%s</text>\n", panel->x + 6, panel->y + 14,
            figure->name);
    fprintf(panel->file, "<text class=\"unit\" x=\"%d\" y=\"%d\">%s</text>\n", panel->x + 6, panel->y + 28,
            growth_unit(figure));
    fprintf(panel->file, "<path stroke=\"#444\" fill=\"none\" d=\"M%d %dV%dH%d\"/>\n", left, panel->y + TOP, bottom,
            left + WIDTH);
    fprintf(panel->file,
            "<text class=\"y\" x=\"%d\" y=\"%d\">%.*f</text><text class=\"y\" x=\"%d\" y=\"%d\">0</text>\n", left - 4,
            panel->y + TOP + 4, decimals_of(panel->highest), panel->highest, left - 4, bottom + 4);
    for (int size = 0; size < GROWTH_SIZES; size++) {
        fprintf(panel->file, "<text class=\"x\" x=\"%.1f\" y=\"%d\">", x_of(panel, size), bottom + 15);
        write_count(panel->file, panel->growth->events[size]);
        fputs("</text>\n", panel->file);
    }
}

static void draw_panel(struct panel *panel)
{
    for (int size = 0; size < GROWTH_SIZES; size++)
        for (int ours = 0; ours <= 1; ours++) {
            double cost = cost_at(panel, size, ours) * 1.15;
            panel->highest = cost > panel->highest ? cost : panel->highest;
        }
    draw_axes(panel);
    draw_curve(panel, false);
    draw_curve(panel, true);
}

enum status growth_plot(const struct growth *growth, FILE *file, struct error *error)
{
    int panels = 0, drawn = 0;
    for (enum figure_id id = 0; id < FIGURES; id++)
        panels += growth_has(growth, id);
    fprintf(
        file,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\""
        " font-size=\"11\">\n<style>.name{font-weight:bold;font-size:13px}.unit{fill:#666}.x{text-anchor:middle;"
        "fill:#666}.y{text-anchor:end;fill:#666}</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
        "<text x=\"6\" y=\"20\" font-size=\"15\">What an event costs as the roll grows (the lower the better)</text>\n"
        "<text x=\"6\" y=\"38\"><tspan fill=\"#1f5fa8\">ours</tspan><tspan fill=\"#9a9a9a\" dx=\"12\">the limit:"
        " a bare loop on SQLite</tspan></text>\n",
        COLUMNS * PANEL_WIDTH, TITLE_HEIGHT + (panels + COLUMNS - 1) / COLUMNS * PANEL_HEIGHT);
    for (enum figure_id id = 0; id < FIGURES; id++) {
        if (!growth_has(growth, id))
            continue;
        struct panel panel = {.file = file, .growth = growth, .id = id};
        panel.x = drawn % COLUMNS * PANEL_WIDTH;
        panel.y = TITLE_HEIGHT + drawn / COLUMNS * PANEL_HEIGHT;
        draw_panel(&panel);
        drawn++;
    }
    fputs("</svg>\n", file);
    return fflush(file) == 0 && ferror(file) == 0 ? STATUS_OK : error_errno(error, "write", "the picture");
}
