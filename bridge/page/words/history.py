"""How long each guest and service was away, month by month."""

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "history_title": ("How long each was away in {month}", "Wie lange jeder weg war im {month}"),
    "history_month": ("Month", "Monat"),
    "history_cluster": ("Cluster", "Cluster"),
    "history_all": ("all", "alle"),
    "history_show": ("Show", "Zeigen"),
    "history_before": ("The month before", "Der Monat davor"),
    "history_after": ("The month after", "Der Monat danach"),
    "history_csv": ("As a table for other programs (CSV)", "Als Tabelle für andere Programme (CSV)"),
    "history_thing": ("Guest or service", "Gast oder Dienst"),
    "history_available": ("There", "Da"),
    "history_away": ("Away", "Weg"),
    "history_times": ("How often", "Wie oft"),
    "history_longest": ("Longest", "Am längsten"),
    "history_planned": ("Planned work", "Geplante Arbeiten"),
    "history_drawn": ("In the month", "Im Monat"),
    "history_still": ("still away", "noch weg"),
    "history_unknown": ("nothing known", "nichts bekannt"),
    "history_none": (
        "No guest or service is known that was there then.",
        "Es ist kein Gast oder Dienst bekannt, den es damals gab.",
    ),
    "history_strip": (
        "{name}: away {times} times, {away} in all",
        "{name}: {times}-mal weg, insgesamt {away}",
    ),
    "history_strip_well": ("{name}: never away", "{name}: nie weg"),
    "history_how": (
        (
            "From events: an outage begins with the first bad sign and ends with the first good one, so each is a lower bound. "
            "What was away while work on it was planned stands apart; what was stopped as asked is no outage. "
            "Of the time before {since} nothing is known."
        ),
        (
            "Aus Ereignissen: ein Ausfall beginnt mit dem ersten schlechten Zeichen und endet mit dem ersten guten, "
            "ist also eine untere Schranke. Was während geplanter Arbeiten daran weg war, steht für sich; "
            "was auf Wunsch gestoppt wurde, ist kein Ausfall. "
            "Aus der Zeit vor {since} ist nichts bekannt."
        ),
    ),
    "history_up_to": ("Counted up to {now}; the month is not over.", "Gezählt bis {now}; der Monat ist nicht vorbei."),
    "history_cut": (
        "There were so many outages that only the last {most} are counted.",
        "Es gab so viele Ausfälle, dass nur die letzten {most} gezählt sind.",
    ),
    "history_about": (
        "≈: of very many short outages only their sum of a day is kept; what lies on the edge of the month is shared out.",
        (
            "≈: von sehr vielen kurzen Ausfällen ist nur die Summe eines Tages aufbewahrt; "
            "was am Rand des Monats liegt, ist aufgeteilt."
        ),
    ),
    "history_bad_month": ("{it} is no month; write 2026-11.", "{it} ist kein Monat; schreiben Sie 2026-11."),
    "history_legend_away": ("away", "weg"),
    "history_legend_planned": ("planned work", "geplante Arbeiten"),
    "history_legend_unknown": ("nothing known, or yet to come", "nichts bekannt, oder noch nicht gewesen"),
    "history_rows_left_out": (
        "{it} more, which were away for a shorter time, stand in the CSV.",
        "{it} weitere, die kürzer weg waren, stehen in der CSV.",
    ),
    "month_1": ("January", "Januar"),
    "month_2": ("February", "Februar"),
    "month_3": ("March", "März"),
    "month_4": ("April", "April"),
    "month_5": ("May", "Mai"),
    "month_6": ("June", "Juni"),
    "month_7": ("July", "Juli"),
    "month_8": ("August", "August"),
    "month_9": ("September", "September"),
    "month_10": ("October", "Oktober"),
    "month_11": ("November", "November"),
    "month_12": ("December", "Dezember"),
}
