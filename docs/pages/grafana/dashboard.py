"""The dashboard in Grafana's own form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from pages.grafana.convergence import CONVERGENCE
from pages.grafana.glance import AT_A_GLANCE, TABLES
from pages.grafana.limits import GENERATOR, RESOURCES
from pages.grafana.proxies import PROXIES
from pages.grafana.pushes import PUSHES
from pages.grafana.queries import ISTIOD, RUN

if TYPE_CHECKING:
    from pages.grafana.panels import Panel

_PROMETHEUS = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
_WIDTH = 24
_ROWS = (PROXIES, CONVERGENCE, PUSHES, RESOURCES, GENERATOR)


def files() -> dict[str, str]:
    """Return the dashboards as Grafana imports them, by their paths below docs."""
    text = json.dumps(_dashboard(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False)
    return {"deploy/grafana/pyload.json": f"{text}\n"}


def _dashboard() -> dashboard.Dashboard:
    made = (
        build.Dashboard("pyload: load on istiod")
        .uid("pyload")
        .description("What pyload's proxies see, beside what istiod says of itself.")
        .tags(["pyload", "istio"])
        .time("now-30m", "now")
        .refresh("10s")
        .timezone("browser")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(
            build.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
        .with_variable(_variable("run_id", "Run of pyload", RUN.partition("{")[0]))
        .with_variable(_variable("istiod", "istiod", ISTIOD.partition("{")[0], "instance"))
    )
    for panel in AT_A_GLANCE:
        made.with_panel(_stat(panel).span(_WIDTH // len(AT_A_GLANCE)).height(4))
    for panel in TABLES:
        made.with_panel(_table(panel).span(_WIDTH // len(TABLES)).height(4))
    for row in _ROWS:
        made.with_row(build.Row(row.title))
        for panel in row.panels:
            made.with_panel(_chart(panel).span(_WIDTH // row.columns).height(8))
    result = made.build()
    for number, panel in enumerate(result.panels or (), start=1):
        panel.id_val = number
    return result


def _variable(name: str, label: str, metric: str, of: str = "") -> build.QueryVariable:
    """Return a choice of one or more values of a label that a metric has, at first of all."""
    return (
        build.QueryVariable(name)
        .label(label)
        .datasource(_PROMETHEUS)
        .query(f"label_values({metric}, {of or name})")
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".+")
        .current(dashboard.VariableOption(selected=True, text="All", value="$__all"))
    )


def _query(legend: str, query: str, number: int) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query).legend_format(legend).ref_id(chr(ord("A") + number))


def _limits(panel: Panel, *, ok: str) -> build.ThresholdsConfig:
    below, above = ("red", ok) if panel.floor else (ok, "red")
    steps = [dashboard.Threshold(color=below, value=None)]
    if panel.limit is not None:
        steps.append(dashboard.Threshold(color=above, value=panel.limit))
    return build.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)


def _stat(panel: Panel) -> stat.Panel:
    made = (
        stat.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(_PROMETHEUS)
        .unit(panel.unit)
        .thresholds(_limits(panel, ok="text" if panel.limit is None else "green"))
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
    )
    for number, (legend, query) in enumerate(panel.queries.items()):
        made.with_target(_query(legend, query, number).range())
    return made


def _table(panel: Panel) -> table.Panel:
    hidden = dict.fromkeys(("Time", "Value", "__name__"), True)
    made = (
        table.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(_PROMETHEUS)
        .with_transformation(
            dashboard.DataTransformerConfig(id_val="organize", options={"excludeByName": hidden})
        )
    )
    for number, (legend, query) in enumerate(panel.queries.items()):
        made.with_target(_query(legend, query, number).instant().format(PromQueryFormat.TABLE))
    return made


def _chart(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(_PROMETHEUS)
        .unit(panel.unit)
        .min(0)
        .thresholds(_limits(panel, ok="green"))
        .fill_opacity(30 if panel.stacked else 5)
        .show_points(common.VisibilityMode.NEVER)
        .legend(
            VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .tooltip(
            VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
    )
    if panel.limit is not None:
        line = common.GraphThresholdsStyleMode.DASHED
        made.thresholds_style(GraphThresholdsStyleConfig().mode(line))
    if panel.stacked:
        made.stacking(StackingConfig().mode(common.StackingMode.NORMAL))
    for number, (legend, query) in enumerate(panel.queries.items()):
        made.with_target(_query(legend, query, number).range())
    return made
