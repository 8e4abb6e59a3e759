// The classic dashboard model, put together from Grafana's own types as far as our dashboards use it.
//
// check.mjs compiles every dashboard against `Dashboard` of this file. Grafana leaves options, targets and field
// configuration of panels open (`Record<string, unknown>`): here each kind of panel has those of its plugin, so that a
// misspelt option does not compile. What Grafana's package has no types for (queries of Prometheus, Loki and Tempo,
// which have packages of their own that need all of Grafana) is written down here.

import type * as schema from '@grafana/schema';
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as logs from '@grafana/schema/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** What a value is in JSON: an enum is one of its words or numbers. */
type Json<T> = T extends string
  ? `${T}`
  : T extends number
    ? `${T}` extends `${infer N extends number}`
      ? N
      : T
    : T extends boolean | null | undefined
      ? T
      : T extends Array<infer Item>
        ? Array<Json<Item>>
        : T extends object
          ? { [Key in keyof T]: Json<T[Key]> }
          : T;

interface DataSource {
  type: 'prometheus' | 'loki' | 'tempo';
  uid: '${datasource}' | '${loki}' | '${tempo}';
}

interface PrometheusQuery {
  datasource: DataSource;
  editorMode: 'code';
  exemplar: boolean;
  expr: string;
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  legendFormat: string;
  range: boolean;
  refId: string;
}

interface LokiQuery {
  datasource: DataSource;
  editorMode: 'code';
  expr: string;
  legendFormat: string;
  maxLines: number;
  queryType: 'range';
  refId: string;
}

interface TempoQuery {
  datasource: DataSource;
  limit: number;
  query: string;
  queryType: 'traceql';
  refId: string;
  tableType: 'traces';
}

type Transformation =
  | { id: 'merge'; options: Record<string, never> }
  | {
      id: 'organize';
      options: {
        excludeByName: Record<string, boolean>;
        indexByName: Record<string, number>;
        renameByName: Record<string, string>;
      };
    };

/** A panel of one kind: nothing may be missing that an operator looks for. */
type Of<Type extends string, Options, Custom, Query> = Json<
  Omit<schema.Panel, 'type' | 'options' | 'fieldConfig' | 'targets' | 'datasource' | 'transformations'>
> & {
  datasource: DataSource;
  description: string;
  fieldConfig: {
    defaults: Json<Omit<schema.FieldConfig, 'custom'>> & { custom: Json<Custom>; unit: string };
    overrides: Json<schema.FieldConfigSource['overrides']>;
  };
  gridPos: schema.GridPos;
  id: number;
  options: Json<Options>;
  targets: [Query, ...Query[]];
  title: string;
  transformations: Transformation[];
  type: Type;
};

type None = Record<string, never>;

type Panel =
  | Of<'bargauge', Partial<bargauge.Options>, None, PrometheusQuery>
  | Of<'heatmap', Partial<heatmap.Options>, Partial<heatmap.FieldConfig>, PrometheusQuery>
  | Of<'logs', logs.Options, None, LokiQuery>
  | Of<'stat', stat.Options, None, PrometheusQuery>
  | Of<'table', table.Options, Partial<table.FieldConfig>, PrometheusQuery>
  | Of<'table', table.Options, None, TempoQuery>
  | Of<'timeseries', timeseries.Options, Partial<timeseries.FieldConfig>, PrometheusQuery | LokiQuery>;

type Row = Json<Omit<schema.RowPanel, 'panels'>> & { panels: Panel[] };

/** A query for marks; the last four are Prometheus's own. */
type Annotation = Json<Omit<schema.AnnotationQuery, 'datasource' | 'target' | 'snapshotData'>> & {
  datasource: DataSource;
  target: { expr: string; instant: boolean; range: boolean; refId: string };
  textFormat: string;
  titleFormat: string;
  useValueForTime: boolean;
};

type Variable = Json<Omit<schema.VariableModel, 'datasource'>> & { datasource?: DataSource };

export type Dashboard = Json<
  Omit<schema.Dashboard, 'panels' | 'annotations' | 'templating' | 'editable' | 'id' | 'schemaVersion'>
> & {
  annotations: { list: Annotation[] };
  editable: false;
  id: null;
  panels: Array<Panel | Row>;
  schemaVersion: 39 | 40 | 41;
  templating: { list: Variable[] };
  title: string;
  uid: string;
};
