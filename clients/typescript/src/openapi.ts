// Written by `python -m infra.typescript_types` from the OpenAPI document of the API: change it there.

/** Amount, and between what it lies. */
export interface AmountRange {
  /** a decimal number */
  amount: string;
  /** a decimal number */
  low: string;
  /** a decimal number */
  high: string;
}

/** Way to authenticate at a provider: with a key of the org's, or without one. */
export type Auth = "key" | "keyless";

/** Which dates to load. A date that was never loaded is run in any case. */
export interface BackfillBody {
  /** registry id */
  pipeline: string;
  /** first UTC date, from 2015-01-01 */
  start_date: string;
  /** last UTC date, inclusive; at most 366 dates */
  end_date: string;
  /** failed: also dates whose last run failed or was cancelled; completed: also those that succeeded */
  reprocess?: "none" | "failed" | "completed";
  /** tell what would be run, and start nothing */
  dry_run?: boolean;
}

/** What a backfill runs and what not, the newest dates first. */
export interface Backfilled {
  run: Array<string>;
  skip: Array<Skipped>;
  /** dates that the quota leaves to another day */
  remaining: number;
}

/** Prepaid balance at a provider. Of a provider and currency the one with the latest day counts. */
export interface Balance {
  /** id of a provider */
  provider: string;
  /** ISO 4217 */
  currency: string;
  /** what was left */
  amount: string | number;
  /** UTC day at whose beginning that was left: its costs are the first that are taken off */
  as_of: string;
}

/** Prepaid balance, what is left of it, and how long that lasts. */
export interface BalanceRunway {
  provider: string;
  currency: string;
  /** that was left when `as_of` began */
  amount: string;
  as_of: string;
  /** billed cost of the days since, as far as loaded; null where none is */
  spent: string | null;
  /** amount less spent */
  left: string | null;
  /** mean of a day in the last weeks */
  daily_rate: string | null;
  /** until it runs out */
  days_left: number | null;
  /** UTC day whose costs use it up at the rate of the last weeks; days since as_of that are not loaded are taken from these too. null: not within five years, or not known */
  runs_out_on: string | null;
  /** the same at the rate of the dearest week, and of one a little dearer at the least */
  earliest: string | null;
  /** the same at the rate of the cheapest week, or a little cheaper */
  latest: string | null;
  /** days since as_of */
  rests_on: RestsOn;
  unknown: NotKnown | null;
}

/** All prepaid balances of the organization; they take the place of those before. */
export interface BalancesBody {
  balances: Array<Balance>;
}

/** Prepaid balances of an organization. */
export interface BalancesState {
  org_slug: string;
  /** number of the version, 0 before there were any */
  version: number;
  /** when it was recorded; null for version 0 */
  recorded_at: string | null;
  /** a key's name or a person's id; null for version 0 */
  recorded_by: string | null;
  /** of a provider and currency the one with the latest day counts */
  balances: Array<Balance>;
}

/** Provider that is loaded from a day of the month on: nothing is counted, or expected, of the days before. */
export interface BegunProvider {
  provider: string;
  /** first loaded UTC day of those that were read: of this month and the one before */
  first_day: string;
}

/** Month of one provider and currency. */
export interface BilledMonth {
  /** of the invoice */
  month: string;
  provider: string;
  /** ISO 4217 */
  currency: string;
  status: "open" | "provisional" | "closed";
  /** sum of BilledCost; null: nothing was loaded */
  cost: string | null;
  /** of it, by charge category, those that there are */
  costs: Record<string, string>;
  /** what the provider told as the sum of its days; null: not told */
  provider_total: string | null;
  /** numbers of the invoices that count; null: none was told */
  invoices: string | null;
  /** of these, with tax; of a closed month as it was then */
  invoice_total: string | null;
  invoice_tax: string | null;
  /** of the invoices that count today */
  invoice_total_now: string | null;
  /** invoice_total less cost: the parts and what is unexplained; null: unknown */
  residual: string | null;
  /** of the residual, or why it is not known; empty where it is 0 */
  parts: Array<ResidualPart>;
  /** what no part is; anything but 0 keeps the month from closing */
  unexplained: string | null;
  /** why the rest has no name, where records are missing: of the credits that days had at the time of the invoice, or of what they cost; null: no rule fits, or nothing is left */
  unexplained_reason: "credits_not_recorded" | "changes_not_recorded" | null;
  /** what runs have changed in its days since the copy; null: not known */
  later_change: string | null;
  /** when its copy was made, or closed */
  copied_at: string | null;
  /** SHA-256 over the copy */
  checksum: string | null;
  /** days that were never loaded */
  days_missing: number | null;
  /** days that may still change */
  days_not_final: number | null;
}

/** Months of an organization, the newest first; by provider and currency. */
export interface BilledMonths {
  org_slug: string;
  /** first month */
  start: string;
  /** last one, inclusive */
  end: string;
  months: Array<BilledMonth>;
}

/** Budget of a month, in one currency: costs in others do not count. */
export interface Budget {
  /** different for each budget */
  name: string;
  /** what it is of; left out: all costs */
  of?: Scope;
  /** ISO 4217 */
  currency: string;
  /** of a month */
  amount: string | number;
  /** from which on it holds */
  first_month: string;
  /** for which it holds at last; null: it has no end */
  last_month?: string | null;
  /** months with an amount of their own, in the place of `amount` */
  months?: Array<MonthAmount>;
}

/** Budget of a month, and how it stands. */
export interface BudgetStanding {
  /** billed cost of the days that are loaded; null where none is */
  spent: string | null;
  /** of the whole month: what is loaded, by what days of the same age have still become, and the other days as in the two newest weeks, give or take what the last four differ by, or a part of it where they hardly do; null where not known */
  forecast: AmountRange | null;
  /** mean of the month's known days times its days, or those that the provider has of it, weekdays left aside; null without a known day */
  run_rate: string | null;
  rests_on: RestsOn;
  /** why there is no forecast; null where there is one */
  unknown: NotKnown | null;
  /** providers of which nothing more is expected */
  stopped: Array<StoppedProvider>;
  /** providers of which nothing is counted before a day of the month */
  began: Array<BegunProvider>;
  name: string;
  /** version of the budgets in which this one last changed */
  version: number;
  of: Scope;
  currency: string;
  /** of the budget, in this month */
  amount: string;
  /** spent / amount, rounded half away from zero to nine decimals */
  spent_share: string | null;
  /** forecast / amount, rounded alike */
  forecast_share: string | null;
  /** of 50, 80 and 100 per cent, those that are spent */
  reached: Array<number>;
  /** whether the forecast is more than the amount; null: not known */
  is_forecast_over: boolean | null;
  /** in which the same was charged too; they do not count */
  other_currencies: Array<string>;
}

/** Standings of budgets in a month. */
export interface BudgetStandings {
  org_slug: string;
  month: string;
  /** whether the month has ended */
  is_over: boolean;
  /** version of the budgets, 0 before there were any */
  version: number;
  /** those that hold in the month, in their own order */
  budgets: Array<BudgetStanding>;
}

/** All budgets of the organization; they take the place of those before. */
export interface BudgetsBody {
  budgets: Array<Budget>;
}

/** Budgets of an organization. */
export interface BudgetsState {
  org_slug: string;
  /** number of the version, 0 before there were any */
  version: number;
  /** when it was recorded; null for version 0 */
  recorded_at: string | null;
  /** a key's name or a person's id; null for version 0 */
  recorded_by: string | null;
  budgets: Array<Budget>;
  /** version in which each budget last changed, by its name: events tell each threshold once for it */
  changed_in: Record<string, number>;
}

/** Savings by the prompt cache of a model: what its tokens would have cost at the price of uncached input. */
export interface CacheSaving {
  /** as in unit_costs, without token_type */
  key: Record<string, string | null>;
  input_kind: "text" | "audio" | "image";
  currency: string;
  /** a decimal number */
  read_tokens: string;
  /** a decimal number */
  written_tokens: string;
  /** of the tokens that were read from the cache or written to it */
  cost: string;
  /** a decimal number */
  uncached_cost_per_million: string;
  /** below zero where writing cost more than reading saved */
  saved: string;
}

/** A run that will not load any more. */
export interface Cancelled {
  status: "CANCELLED";
  run_id: string;
  pipeline_logging_id: string;
  message: string;
}

/** All pipelines. */
export interface Catalogue {
  success: true;
  pipelines: Array<Pipeline>;
  total: number;
}

/** Reason why a source does not have the whole day. */
export type Cause = "partitions_expired" | "export_moved" | "export_recreated" | "rows_gone" | "before_export";

/** Reason why a run has replaced a day. */
export type ChangeCause = "first_load" | "late_rows" | "provider_correction" | "forced" | "code";

/** Column of a dataset. */
export interface ColumnDefinition {
  ColumnName: string;
  /** in GoogleSQL */
  DataType: string;
  /** digits; of numbers alone */
  NumericPrecision?: number;
  /** digits after the point; of numbers alone */
  NumberScale?: number;
  /** left out where it is false */
  Deprecated?: boolean;
  /** of Tags alone: of keys that a provider has made */
  ProviderTagPrefixes?: Array<string>;
}

/** Completeness of the day in what was read. */
export type Completeness = "provisional" | "settling" | "final" | "partial" | "frozen";

/** What a charge must be: one of some values of a dimension, or a value that begins so. Exactly one is given. */
export interface Condition {
  dimension: string;
  /** any of these; empty: what has none */
  one_of?: Array<string> | null;
  starts_with?: string | null;
}

/** Form in which corrections come (docs/focus.md, Metadata). */
export interface CorrectionHandling {
  Style: "Replacement" | "Delta" | "Ledger";
  Scope: string;
  Rows: string;
}

/** Anomalies of an organization's costs. */
export interface CostAnomalies {
  org_slug: string;
  /** first UTC day on which an anomaly of these may have begun */
  start: string;
  end: string;
  /** the newest first, of one day the largest first */
  anomalies: Array<CostAnomaly>;
  /** of each provider; later days are not judged yet */
  settled_until: Array<SettledUntil>;
}

/** Anomaly of an organization's costs. */
export interface CostAnomaly {
  kind: cloudact__anomalies__anomaly__Kind;
  /** what the anomaly is of */
  layer: "total" | "provider" | "service" | "model" | "sub_account" | "api_key";
  /** which one it is; empty for the total */
  key: Record<string, string | null>;
  /** names of ids, where known */
  names: Record<string, string>;
  /** ISO 4217 */
  currency: string;
  /** first UTC day */
  since: string;
  /** last UTC day that differs so far */
  last_date: string;
  /** how many days of these differ */
  days: number;
  /** of the first day */
  amount: string;
  /** what the first day was expected to cost: the median of the same weekdays */
  expected: string;
  /** amount less expected */
  difference: string;
  /** of all days that differ */
  total_difference: string;
  /** whether other costs went the other way, so that the total hides most of it */
  is_masked: boolean;
  /** GoogleSQL that shows it in the organization's dataset */
  query: string;
}

/** What a run costs the service, at list prices; as far as its containers could tell. */
export interface CostEstimate {
  currency: "USD";
  /** a decimal number, as are the two it is the sum of */
  total: string;
  /** of bytes_billed */
  bigquery: string;
  /** of the containers' vCPU and memory seconds */
  compute: string;
  vcpu_seconds: string;
  memory_gib_seconds: string;
  /** by the containers' queries in the service's project */
  bytes_billed: number;
  /** as of when the prices are */
  prices_of: string;
}

/** Costs of one group. */
export interface CostGroup {
  /** unattributed: what none of the dimensions is told of; other: all groups beyond `limit`, together */
  kind: functions__costs__answer__Kind;
  /** value of each dimension; null where the provider tells none; `other` has no key */
  key: Record<string, string | null> | null;
  /** names of ids, where they are known */
  names: Record<string, string>;
  /** 1, or how many groups `other` has */
  group_count: number;
  /** a decimal number */
  total: string;
  /** of the period before; null where nothing is compared */
  previous_total: string | null;
  /** one for each of `periods` */
  amounts: Array<string>;
}

/** Groups of one currency, or of one unit of consumption: amounts of different ones are never added. */
export interface CostSums {
  /** ISO 4217; null for quantities */
  currency: string | null;
  /** unit of quantities; null for costs */
  unit: string | null;
  /** of all groups, those of `other` too */
  group_count: number;
  /** a decimal number */
  total: string;
  /** of the period before; null where nothing is compared */
  previous_total: string | null;
  /** of all groups together, one for each of `periods` */
  amounts: Array<string>;
  /** the largest first, then unattributed, then other */
  groups: Array<CostGroup>;
}

/** Costs of an organization. */
export interface Costs {
  org_slug: string;
  start: string;
  end: string;
  /** days that are compared with; null without `compare` */
  previous: Range | null;
  granularity: "day" | "week" | "month";
  basis: "usage" | "invoice_month";
  metric: "billed" | "effective" | "list" | "contracted" | "consumed";
  group_by: Array<string>;
  /** first day of each period; the first and the last one may be cut by start and end */
  periods: Array<string>;
  /** one for each currency or unit; empty where nothing was found */
  results: Array<CostSums>;
  /** whether all days are final */
  is_final: boolean;
  /** each day that has begun, of every provider that has any of them and that the filters let count */
  completeness: Array<DayCompleteness>;
}

/** Forecast in one currency. */
export interface CurrencyForecast {
  /** ISO 4217 */
  currency: string;
  total: MonthCosts;
  /** those that have spent most first */
  groups: Array<ForecastGroup>;
}

/** Generator of the data. */
export interface DataGenerator {
  DataGenerator: string;
}

/** Instance of a FOCUS dataset: the costs and usage of one provider, or the billing periods. */
export interface DatasetInstance {
  DatasetInstanceId: string;
  DatasetInstanceName: string;
  FocusDatasetId: string;
}

/** What a run has changed of its date. */
export interface DayChange {
  /** null where nobody knows, and where nothing has changed */
  cause: ChangeCause | string | null;
  /** more rows than before; null where nothing is known to compare with */
  rows: number | null;
  /** by currency, decimal numbers */
  cost: Record<string, string>;
}

/** State of a provider's UTC day. */
export interface DayCompleteness {
  /** id of the provider */
  provider: string;
  date: string;
  /** of these, `final` alone means that the day's costs do not change any more */
  state: State;
  /** number of the newest run that has read the day */
  generation: number | null;
}

/** State of an event's post. The first three are known at once, the others by looking at Cloud Tasks. */
export type Delivery = "none" | "failed" | "queued" | "trying" | "delivered" | "given_up" | "unknown";

/** Delivery of the data (docs/focus.md, Metadata). */
export interface DeliveryHandling {
  Mechanism: "Overwrite" | "Append";
  Scope: string;
  Frequency: string;
}

/** Number of rows and costs by which two days differ, or that a part of a day has. */
export interface Difference {
  rows: number;
  /** by currency; nothing where not an amount has changed */
  cost: Record<string, number | string>;
}

/** An OpenAPI document. */
export interface Document {
  openapi: string;
  [name: string]: unknown;
}

/** Meaning of an error code. */
export interface ErrorPage {
  code: string;
  /** whether it passes by itself; null where that differs */
  retryable: boolean | null;
  meaning: string;
  /** what to do */
  remedy: string;
}

/** Content of a run's day: equal fingerprints are equal days. */
export interface Fingerprint {
  rows: number;
  /** sum of net cost by currency */
  cost: Record<string, number | string>;
  /** the part of cost that is charges of the category Credit, by currency; null where that is not told */
  credits?: Record<string, number | string> | null;
  /** the newest export_time, or when the provider refreshed its data; null where it does not tell */
  source_as_of: string | null;
  tables: Record<string, TableContent>;
  /** of exports; null or left out elsewhere */
  source?: SourceDay | null;
  /** cost rows that were left out, since the provider tells no amount */
  unpriced?: number;
}

/** FOCUS metadata of an organization. */
export interface FocusMetadata {
  DataGenerator: DataGenerator;
  DatasetInstance: Array<DatasetInstance>;
  Schema: Array<Schema>;
  Recency: Array<Recency>;
  x_DeliveryHandling: DeliveryHandling;
  x_CorrectionHandling: CorrectionHandling;
}

/** What a month will cost. */
export interface Forecast {
  org_slug: string;
  month: string;
  /** whether the month has ended */
  is_over: boolean;
  group_by: string;
  /** one for each currency; amounts of different ones never add */
  results: Array<CurrencyForecast>;
}

/** Costs of a month of one provider, or of one value of a label. */
export interface ForecastGroup {
  /** billed cost of the days that are loaded; null where none is */
  spent: string | null;
  /** of the whole month: what is loaded, by what days of the same age have still become, and the other days as in the two newest weeks, give or take what the last four differ by, or a part of it where they hardly do; null where not known */
  forecast: AmountRange | null;
  /** mean of the month's known days times its days, or those that the provider has of it, weekdays left aside; null without a known day */
  run_rate: string | null;
  rests_on: RestsOn;
  /** why there is no forecast; null where there is one */
  unknown: NotKnown | null;
  /** providers of which nothing more is expected */
  stopped: Array<StoppedProvider>;
  /** providers of which nothing is counted before a day of the month */
  began: Array<BegunProvider>;
  /** null: what no rule of the label is of */
  key: Record<string, string | null>;
}

/** Rows and costs that the source lacks of a day, and what the run did about it. `kept`: the rows loaded before stay, and only rows that are surely new were added (`frozen`); otherwise the day is what the source has (`partial`). */
export interface Gap {
  cause: Cause;
  /** the cause in words */
  text: string;
  kept: boolean;
  /** loaded once and no longer told; null where nobody knows */
  missing: Difference | null;
  /** rows and cost of the table that were added */
  added?: Difference | null;
  /** not added: they may be loaded already */
  held_back?: Difference | null;
}

/** What a FAILED run leaves that had replaced some of its tables: the stored result of such a run. Costs are loaded last, so it is they that still are of an earlier run. */
export interface HalfLoad {
  /** tables whose day is this run's; its other tables have the day of an earlier run, or nothing */
  replaced: Array<string>;
}

/** The process answers. */
export interface Health {
  status: "ok";
}

/** Every integration there can be. */
export interface IntegrationList {
  org_slug: string;
  integrations: Array<IntegrationState>;
}

/** An integration, without its credential. The last four fields tell clients that expect them the same again. */
export interface IntegrationState {
  integration: "GCP_SA" | "OPENAI" | "ANTHROPIC";
  provider: "gcp" | "openai" | "anthropic";
  /** how a credential is handed over. key: one line; key_file: a JSON document; keyless: an account that lets us act as it */
  takes: Array<"key_file" | "keyless" | "key">;
  status: IntegrationStatus;
  /** key, or keyless: a service account that lets us act as it */
  auth: Auth | null;
  credential_name: string | null;
  /** recognises the credential; nothing can be told from it */
  fingerprint: string | null;
  settings: Record<string, unknown>;
  /** when the provider was last asked */
  validated_at: string | null;
  /** why it is INVALID */
  last_error: string | null;
  /** what the source is known to lose; told when it is set up or validated, else left out */
  warnings?: Array<string>;
  /** false where validation has just found the credential INVALID, else true */
  success: boolean;
  /** the same as status */
  validation_status: IntegrationStatus;
  /** the same as last_error */
  validation_error: string | null;
  /** the status in a sentence */
  message: string;
}

/** Status of an org's credential for a provider. */
export type IntegrationStatus = "VALID" | "INVALID" | "NOT_CONFIGURED";

/** An invoice as it counts. Amounts are decimal numbers as texts. */
export interface InvoiceAnswer {
  number: string;
  issuer: string;
  month: string;
  total: string;
  currency: string;
  tax: string | null;
  credits: string | null;
  priority_tier: string | null;
  issued_on: string | null;
  recorded_at: string;
  /** a key's name or a person's id */
  recorded_by: string;
  /** how often it was told again otherwise, removals aside; every row is kept */
  corrections: number;
}

/** An invoice. One with the same issuer and number as one before corrects it; what is left out is not known. */
export interface InvoiceBody {
  /** as the invoice has it; capitals and spaces at its end make no other */
  number: string;
  /** id of the provider whose costs it bills */
  issuer: "gcp" | "openai" | "anthropic";
  /** that is billed */
  month: string;
  /** what is to be paid, tax included */
  total: string | number;
  /** ISO 4217 */
  currency: string;
  /** the tax in total: between zero and total, credits added back; null: not known */
  tax?: string | number | null;
  /** credits and prepaid grants that it takes off, zero or below; null: not known */
  credits?: string | number | null;
  /** what it bills for the priority tier, which no cost report has; null: not known */
  priority_tier?: string | number | null;
  /** date of the invoice, from the month's first day to tomorrow: what came later is on the next one */
  issued_on?: string | null;
}

/** Invoices that count, the latest month first. */
export interface InvoiceList {
  org_slug: string;
  invoices: Array<InvoiceAnswer>;
}

export type JsonValue = unknown;

/** An API key, by what may be known of it. */
export interface Key {
  fingerprint: string | null;
  prefix: string | null;
  created_at: string | null;
  expires_at: string | null;
  last_used_day: string | null;
}

/** Command ready to be pasted into a shell. */
export interface KeylessCommand {
  why: string;
  command: string;
}

/** Commands by which an org lets us read without a key. Afterwards `setup` takes `credential`. */
export interface KeylessSetup {
  org_slug: string;
  /** our service account, which acts as the organization's */
  reader: string;
  /** the organization's; no other name is accepted */
  service_account: string;
  credential: Record<string, string>;
  commands: Array<KeylessCommand>;
}

/** The newest key that works, and all that work. */
export interface Keys {
  fingerprint: string | null;
  prefix: string | null;
  created_at: string | null;
  expires_at: string | null;
  last_used_day: string | null;
  org_slug: string;
  keys: Array<Key>;
}

/** Label: the first of its rules that holds gives a charge its value. What no rule is of is unattributed. */
export interface Label {
  name: string;
  rules: Array<Rule>;
}

/** Billed cost of a label's value in the days that were tried. */
export interface LabelChangeState {
  label: string;
  currency: string;
  /** null: what no rule is of */
  value: string | null;
  /** by the labels that count */
  before: string;
  /** by those of the request */
  after: string;
}

/** What labels would change. */
export interface LabelTrial {
  /** first UTC day */
  start: string;
  /** last one */
  end: string;
  /** every value of each label that differs, in each currency, the largest first, unattributed last */
  changes: Array<LabelChangeState>;
}

/** All labels of the organization; they take the place of those before. */
export interface LabelsBody {
  /** in the order in which they share out */
  labels: Array<Label>;
}

/** Labels of an organization. */
export interface LabelsState {
  org_slug: string;
  /** number of the version, 0 before there were any */
  version: number;
  /** when it was recorded; null for version 0 */
  recorded_at: string | null;
  /** a key's name or a person's id; null for version 0 */
  recorded_by: string | null;
  labels: Array<Label>;
}

/** Result of one scan of a source for late rows of earlier dates. */
export interface LateDataScan {
  /** what was looked into */
  source: string;
  /** when the look was over */
  at: string;
  /** the newest export_time that any look has observed */
  watermark: string | null;
  /** dates with rows that no run has loaded, and the newest export_time of each */
  stale: Record<string, string>;
}

/** A person who may act for an org. */
export interface Member {
  /** the subject of their sessions */
  user_id: string;
  role: Role;
  /** when they got this role */
  since: string;
}

/** What someone is in an org. */
export interface MemberBody {
  role: "owner" | "admin" | "member";
}

/** People who may act for an org, by their ids. */
export interface MemberList {
  org_slug: string;
  members: Array<Member>;
  /** for the next page; null on the last one */
  next_cursor: string | null;
}

/** What a user is in an org from now on; `role` is null for no member. */
export interface MemberState {
  org_slug: string;
  user_id: string;
  role: Role | null;
  message: string;
}

/** Message of a step to the run's owner. */
export interface Message {
  at: string;
  level: string | null;
  text: string;
}

/** Amount of a single month. */
export interface MonthAmount {
  month: string;
  amount: string | number;
}

/** Costs of a month: what is spent and what it will be. */
export interface MonthCosts {
  /** billed cost of the days that are loaded; null where none is */
  spent: string | null;
  /** of the whole month: what is loaded, by what days of the same age have still become, and the other days as in the two newest weeks, give or take what the last four differ by, or a part of it where they hardly do; null where not known */
  forecast: AmountRange | null;
  /** mean of the month's known days times its days, or those that the provider has of it, weekdays left aside; null without a known day */
  run_rate: string | null;
  rests_on: RestsOn;
  /** why there is no forecast; null where there is one */
  unknown: NotKnown | null;
  /** providers of which nothing more is expected */
  stopped: Array<StoppedProvider>;
  /** providers of which nothing is counted before a day of the month */
  began: Array<BegunProvider>;
}

/** What is not known, and why. */
export interface NotKnown {
  /** nothing_loaded: no day was loaded; too_few_days: the provider has fewer than two whole weeks of settled days, or none lately; stopped: the provider is not loaded any more, and nothing of the month is; label_unknown, value_unknown: the budget covers nothing, since there is no such label any more, or no rule of it gives this value; balance_too_old: it was entered for a day more than 400 days ago */
  reason: Reason;
  /** provider that it lies with, where it is one's */
  provider: string | null;
}

/** A run as older clients read it. */
export interface OlderRun {
  pipeline_logging_id: string;
  pipeline_id: string;
  status: "PENDING" | "RUNNING" | "COMPLETE" | "FAILED" | "CANCELLED";
  start_time: string | null;
  end_time: string | null;
  duration_ms: number | null;
}

/** Parameter of a pipeline. */
export interface Parameter {
  name: string;
  type: string;
  required: boolean;
  default: string | number | boolean | null;
  description: string;
}

/** A test event that is on its way. */
export interface Ping {
  id: string;
  type: string;
  /** true where one was sent in the same ten seconds */
  deduplicated: boolean;
  message: string;
}

/** An entry of the catalogue. */
export interface Pipeline {
  id: string;
  name: string;
  description: string;
  provider: string;
  /** may be empty */
  domain: string;
  /** last part of the path */
  pipeline: string;
  required_integration: string;
  enabled: boolean;
  schedule: string;
  parameters: Array<Parameter>;
}

/** Reason why a post was no delivery. `REFUSED`: the receiver has answered, with another status than 2xx. */
export type PostFailure = "refused" | "timeout" | "unreachable" | "other";

/** Last generation that succeeded. */
export interface Previous {
  run_id: string;
  generation: number;
  fingerprint: Fingerprint;
}

/** A refusal (RFC 9457). `detail` is one plain sentence. */
export interface ProblemDocument {
  /** page of the code: a path of the API and of its documentation */
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  request_id?: string | null;
  /** Extensible enum. A stable word that programs compare; the examples are those of today, others may come. Those of a provider are its id and one of _unavailable, _unreadable, _rate_limited, _pages_broken, _not_allowed, _redirected, _refused. */
  code: string;
  /** the one field that is wrong, where it is one */
  field?: string | null;
}

/** What is left of an org's UTC day. */
export interface Quota {
  org_slug: string;
  plan: string | null;
  subscription_status: SubscriptionStatus | string;
  usage_date: string;
  pipelines_today: number;
  daily_limit: number;
  remaining: number;
  resets_at: string;
}

/** UTC days, inclusive. */
export interface Range {
  start: string;
  end: string;
}

/** What the service depends on can be reached. */
export interface Readiness {
  status: "ok" | "unavailable";
  checks: Record<string, "ok" | "unavailable">;
}

/** Reason why something is not known. */
export type Reason = "nothing_loaded" | "too_few_days" | "stopped" | "label_unknown" | "value_unknown" | "balance_too_old";

/** Recency of a dataset instance, if it has a day in the range that was asked for. */
export interface Recency {
  DatasetInstanceId: string;
  DatasetInstanceLastUpdated: string;
  RecencyLastUpdated: string;
  TimeSectors: Array<TimeSector>;
}

/** Prepaid balances after a request. */
export interface RecordedBalances {
  org_slug: string;
  /** number of the version, 0 before there were any */
  version: number;
  /** when it was recorded; null for version 0 */
  recorded_at: string | null;
  /** a key's name or a person's id; null for version 0 */
  recorded_by: string | null;
  /** of a provider and currency the one with the latest day counts */
  balances: Array<Balance>;
  outcome: "recorded" | "unchanged";
}

/** Budgets after a request. */
export interface RecordedBudgets {
  org_slug: string;
  /** number of the version, 0 before there were any */
  version: number;
  /** when it was recorded; null for version 0 */
  recorded_at: string | null;
  /** a key's name or a person's id; null for version 0 */
  recorded_by: string | null;
  budgets: Array<Budget>;
  /** version in which each budget last changed, by its name: events tell each threshold once for it */
  changed_in: Record<string, number>;
  outcome: "recorded" | "unchanged";
}

/** An invoice after a request, and what that has done. */
export interface RecordedInvoice {
  number: string;
  issuer: string;
  month: string;
  total: string;
  currency: string;
  tax: string | null;
  credits: string | null;
  priority_tier: string | null;
  issued_on: string | null;
  recorded_at: string;
  /** a key's name or a person's id */
  recorded_by: string;
  /** how often it was told again otherwise, removals aside; every row is kept */
  corrections: number;
  outcome: "added" | "corrected" | "unchanged" | "removed";
}

/** Invoices of a request, in its order. */
export interface RecordedInvoices {
  org_slug: string;
  invoices: Array<RecordedInvoice>;
  message: string;
}

/** Labels after a request; after a dry run those that it has tried, with the version that still counts. */
export interface RecordedLabels {
  org_slug: string;
  /** number of the version, 0 before there were any */
  version: number;
  /** when it was recorded; null for version 0 */
  recorded_at: string | null;
  /** a key's name or a person's id; null for version 0 */
  recorded_by: string | null;
  labels: Array<Label>;
  outcome: "recorded" | "unchanged" | "tried";
  /** null unless it is a dry run */
  trial: LabelTrial | null;
}

/** Part of what an invoice has more than the costs, by its name; docs/focus.md has all of them. */
export interface ResidualPart {
  name: string;
  /** null: the residual is not known yet, and the name says why */
  amount: string | null;
}

/** What costs rest on: how many days of providers, each for each provider, and how many whole weeks before. A provider has no days before its first loaded one, nor after its last one if it is not loaded any more. */
export interface RestsOn {
  /** days that do not change any more */
  final: number;
  /** days that were read long enough after their end, or whose age was measured */
  settling: number;
  /** days that are loaded, and nobody knows how much of them */
  provisional: number;
  /** days that are over and not loaded */
  missing: number;
  /** today, where it is not loaded, and later days */
  to_come: number;
  /** whole weeks that days which are not known are taken from: 4, or fewer */
  weeks: number;
}

/** Result of a run that succeeded, as the ledger stores it. The last three fields are set only where they apply. */
export interface Result {
  fingerprint: Fingerprint;
  /** null for a first load, or where the last one has told nothing */
  previous: Previous | null;
  /** null where previous is */
  difference: Difference | null;
  /** true where the tables had these rows already and nothing was loaded */
  unchanged: boolean;
  completeness: Completeness;
  /** what was found out about late rows of earlier dates */
  look?: LateDataScan | null;
  /** why the day is partial or frozen */
  gap?: Gap | null;
  /** why the day was replaced; null where nobody knows, and where it was not */
  cause?: ChangeCause | null;
}

/** Role of a member. A stored role of any other name, such as `removed`, is no membership. */
export type Role = "owner" | "admin" | "member";

/** Terms on which the new key and the old ones end. */
export interface RotateBody {
  /** that old keys go on working; default: 24 */
  grace_hours?: number | null;
  /** default: never */
  expires_in_days?: number | null;
}

/** A key, shown this once. */
export interface RotatedKey {
  org_slug: string;
  /** shown this once; stored nowhere */
  api_key: string;
  fingerprint: string;
  prefix: string;
  created_at: string;
  expires_at: string | null;
  old_keys_valid_until: string | null;
}

/** Conditions that must all hold, and the value that charges get then, or the shares. Without any, all charges. */
export interface Rule {
  when?: Array<Condition>;
  value?: string | null;
  /** instead of `value`; together 1 */
  shares?: Array<Share> | null;
}

/** A run. The last three fields are older names of fields above. */
export interface RunAnswer {
  run_id: string;
  pipeline_logging_id: string;
  org_slug: string;
  pipeline_id: string;
  pipeline: string;
  provider: string;
  domain: string;
  status: Status;
  /** the UTC date whose costs are loaded */
  date: string;
  /** the UTC day the run was asked for */
  requested_date: string;
  /** counts the runs of this pipeline and date */
  generation: number;
  trigger_type: TriggerType;
  /** a key's name or a person's id; never an address */
  triggered_by: string;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  duration_seconds: number | null;
  rows_processed: number | null;
  /** by the run's queries on the organization's own export, in its project and at its expense */
  bytes_billed: number | null;
  /** null where no container has told, as of a run that waits */
  cost_estimate: CostEstimate | null;
  error_message: string | null;
  parameters: RunParameters;
  start_time: string | null;
  end_time: string | null;
  duration_ms: number | null;
}

/** A run with its steps. */
export interface RunDetail {
  run_id: string;
  pipeline_logging_id: string;
  org_slug: string;
  pipeline_id: string;
  pipeline: string;
  provider: string;
  domain: string;
  status: Status;
  /** the UTC date whose costs are loaded */
  date: string;
  /** the UTC day the run was asked for */
  requested_date: string;
  /** counts the runs of this pipeline and date */
  generation: number;
  trigger_type: TriggerType;
  /** a key's name or a person's id; never an address */
  triggered_by: string;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  duration_seconds: number | null;
  rows_processed: number | null;
  /** by the run's queries on the organization's own export, in its project and at its expense */
  bytes_billed: number | null;
  /** null where no container has told, as of a run that waits */
  cost_estimate: CostEstimate | null;
  error_message: string | null;
  parameters: RunParameters;
  start_time: string | null;
  end_time: string | null;
  duration_ms: number | null;
  /** of the pipeline's file that the run was worked with; null before it has begun, and for older runs */
  pipeline_version: string | null;
  steps: Array<Step>;
  /** null unless FAILED */
  error: RunError | null;
  /** null unless SUCCESS, or where nobody could tell it */
  result: Result | null;
  /** of a FAILED run that had replaced some of its tables before it ended, so the day is of two runs; else null */
  half_loaded: HalfLoad | null;
}

/** Why a run failed. */
export interface RunError {
  /** Extensible enum. A stable word that programs compare; the examples are those of today, others may come. Those of a provider are its id and one of _unavailable, _unreadable, _rate_limited, _pages_broken, _not_allowed, _redirected, _refused. */
  code: string;
  message: string;
  retryable: boolean;
  /** what a person can do about it */
  hint: string | null;
}

/** Runs, newest first. */
export interface RunPage {
  runs: Array<RunAnswer>;
  /** how many match; left out with a cursor or `total=false`, null where it was not known in time */
  total?: number | null;
  /** what `total` is; left out with it */
  total_is?: "exact" | "unknown";
  limit: number;
  offset: number;
  /** for the next page; null on the last one */
  next_cursor: string | null;
}

/** What a run was asked with. */
export interface RunParameters {
  date: string;
  force_refresh: boolean;
  [name: string]: unknown;
}

/** Runways of prepaid balances. */
export interface Runways {
  org_slug: string;
  today: string;
  /** version of the balances, 0 before there were any */
  version: number;
  /** the balance of each provider and currency that counts */
  balances: Array<BalanceRunway>;
}

/** Columns of a dataset instance. Instances with the same columns have the same SchemaId. */
export interface Schema {
  /** another one where columns, their types or the version of FOCUS change */
  SchemaId: string;
  /** when the organization's dataset first got these columns, by the record of its migrations; null for the moments before that is recorded */
  CreationDate: string | null;
  FocusVersion: string;
  DatasetInstanceId: string;
  ColumnDefinition: Array<ColumnDefinition>;
}

/** What a budget is of: a provider, or a value of a label, or, without both, all costs. */
export interface Scope {
  provider?: string | null;
  label?: string | null;
  /** of the label; empty: what no rule is of */
  value?: string | null;
}

/** Last UTC day of a provider that is settled, so judged. */
export interface SettledUntil {
  provider: string;
  date: string;
}

/** A credential, and where the provider's data lies. What is left out stays as it was set up before. */
export interface SetupBody {
  /** gcp: the service account key, as JSON object or text, or `{type: keyless, service_account}`; openai: the admin key; anthropic: the admin key */
  credential: Record<string, unknown> | string;
  /** what you call it */
  credential_name?: string | null;
  /** settings. gcp: source_project, source_dataset, source_table, inactive_projects; anthropic: api */
  metadata?: Record<string, unknown> | null;
  /** for clients that send it; true is refused, since every credential is proven */
  skip_validation?: false;
}

/** Share of a charge that has this value. */
export interface Share {
  value: string;
  /** of 1, with at most nine decimals */
  share: string | number;
}

/** A date that is not run. */
export interface Skipped {
  date: string;
  reason: "already_completed" | "already_running" | "failed_before" | "too_old" | "before_export" | "quota";
}

/** Facts of an export's day when its rows were read, before any were left out. Rows are only added to an export, so one that later has less than this has lost rows. */
export interface SourceDay {
  /** project.dataset.table; null where an older run has not told */
  table: string | null;
  /** when the table was made */
  created: string | null;
  /** how long it keeps a partition; null where for good */
  keeps_days: number | null;
  rows: number;
  /** net cost by currency */
  cost: Record<string, number | string>;
  /** the oldest export_time */
  oldest: string | null;
  /** the newest export_time */
  newest: string | null;
}

/** A run that was admitted, or that answers the request already. */
export interface Started {
  status: Status;
  run_id: string;
  /** the same as run_id */
  pipeline_logging_id: string;
  pipeline_id: string;
  org_slug: string;
  pipeline: string;
  date: string;
  /** the UTC day the run was asked for */
  requested_date: string;
  /** true where an existing run answers */
  deduplicated: boolean;
  message: string;
}

/** State of the costs of a provider's day; the first three are those of the view `settledness`. */
export type State = "final" | "settling" | "provisional" | "half_loaded" | "unknown" | "missing";

/** Status of a run: PENDING → RUNNING → SUCCESS, FAILED or CANCELLED. */
export type Status = "PENDING" | "RUNNING" | "SUCCESS" | "FAILED" | "CANCELLED";

/** A step of a run. */
export interface Step {
  step_logging_id: string;
  step_index: number;
  step_name: string;
  step_type: string;
  status: Status;
  started_at: string | null;
  completed_at: string | null;
  duration_ms: number | null;
  rows_processed: number | null;
  progress: string | null;
  error_message: string | null;
  messages: Array<Message>;
}

/** Provider that is not loaded any more: it counts with what is loaded of it, and nothing more is expected. */
export interface StoppedProvider {
  provider: string;
  /** last UTC day that is loaded, more than 14 days ago; as seen 15 days after the month */
  last_day: string;
}

/** Status of a subscription, in the backend's words. */
export type SubscriptionStatus = "TRIAL" | "ACTIVE" | "SUSPENDED" | "CANCELLED";

/** Content of one table's day. The digest is equal for equal rows in any order, whichever run wrote them. */
export interface TableContent {
  rows: number;
  /** of all columns but those that name the run */
  digest: string;
}

/** UTC day of a provider. */
export interface TimeSector {
  TimeSectorStart: string;
  TimeSectorEnd: string;
  /** whether the day is settled, by the view settledness */
  TimeSectorComplete: boolean;
  /** when a run last replaced the day; if none has, when the first one had read it */
  TimeSectorLastUpdated: string;
}

/** What has happened in an org, the newest first. */
export interface Timeline {
  org_slug: string;
  entries: Array<TimelineEntry>;
  /** for the next page; null on the last one */
  next_cursor: string | null;
}

/** A change of an integration's credential, or of an API key. No secret is in it. */
export interface TimelineCredential {
  /** Extensible enum: set_up, changed, removed, invalid or valid of an integration; key_made, key_revoked or key_expired */
  what: string;
  /** null for an API key */
  integration: string | null;
  /** what its owner calls it; of an API key how it begins */
  name: string | null;
  fingerprint: string | null;
}

/** What has happened. One of the last three is set, by its kind. */
export interface TimelineEntry {
  id: string;
  /** of a run: when it was asked for */
  at: string;
  /** run and restatement have `run`, credential has its own, others an `event` */
  kind: TimelineKind;
  run: TimelineRun | null;
  credential: TimelineCredential | null;
  event: TimelineEvent | null;
}

/** An event as webhooks post it. */
export interface TimelineEvent {
  type: string;
  data: Record<string, JsonValue>;
}

/** Kind of what has happened. `RESTATEMENT`: a run of the service's own for an older date. `GIVEN_UP`: dates that the service runs no more. */
export type TimelineKind = "run" | "restatement" | "given_up" | "credential" | "quota" | "budget" | "anomaly";

/** A run, or a restatement, in short; its detail is at `/pipelines/{org}/runs/{run_id}`. */
export interface TimelineRun {
  run_id: string;
  requested_date: string;
  /** registry id */
  pipeline: string;
  /** the UTC date whose costs are loaded */
  date: string;
  generation: number;
  status: Status;
  trigger_type: TriggerType | string;
  /** a key's name or a person's id; never an address */
  triggered_by: string;
  rows_processed: number | null;
  error_code: string | null;
  /** null unless it has replaced the date */
  change: DayChange | null;
}

/** Costs of one type of token of a model, or of all types beyond the 500 that cost most (`other`). */
export interface TokenCost {
  /** of the charges whose number of tokens is known */
  cost: string;
  /** a decimal number */
  tokens: string;
  /** 1000000 * cost / tokens, rounded half away from zero to nine decimals; null without tokens */
  cost_per_million: string | null;
  kind: functions__costs__answer__Kind;
  key: Record<string, string | null> | null;
  names: Record<string, string>;
  /** Input or Output, where it is known */
  token_direction: string | null;
  /** Uncached, Read or Write, where it is known */
  token_cache_action: string | null;
  currency: string;
  /** of charges whose number of tokens nobody tells: not in `cost` */
  cost_without_tokens: string;
  /** of the period before; null without `compare` */
  previous: UnitCost | null;
}

/** What to run. An empty body is fine. */
export interface TriggerBody {
  /** UTC date to load, from 2015-01-01 to today; default: yesterday */
  date?: string | null;
  /** run again what has succeeded already */
  force_refresh?: boolean;
}

/** Trigger of a run. */
export type TriggerType = "api" | "user" | "schedule" | "backfill" | "retry" | "restatement";

/** Tokens, what they cost, and what a million of them costs. */
export interface UnitCost {
  /** of the charges whose number of tokens is known */
  cost: string;
  /** a decimal number */
  tokens: string;
  /** 1000000 * cost / tokens, rounded half away from zero to nine decimals; null without tokens */
  cost_per_million: string | null;
}

/** Costs of tokens by model and type, and what caches have saved. */
export interface UnitCosts {
  org_slug: string;
  start: string;
  end: string;
  previous: Range | null;
  metric: "billed" | "effective" | "list" | "contracted";
  group_by: Array<string>;
  /** those that cost most first */
  unit_costs: Array<TokenCost>;
  /** of models with tokens of the cache, where uncached input of the same days tells the price */
  cache_savings: Array<CacheSaving>;
  is_final: boolean;
  completeness: Array<DayCompleteness>;
}

/** Where to post events, and which. */
export interface WebhookBody {
  /** https, a public host name */
  url: string;
  /** default: all */
  events?: Array<"run_failed" | "cost_fell" | "cost_anomaly" | "budget_threshold" | "budget_forecast" | "balance_low" | "dates_given_up" | "integration_invalid" | "quota_near" | "quota_reached"> | null;
  /** sign with a new secret from now on */
  rotate_secret?: boolean;
}

/** Deliveries of the last thirty days, the newest first. */
export interface WebhookDeliveries {
  org_slug: string;
  deliveries: Array<WebhookDelivery>;
}

/** One event that was to be posted. Neither the address nor what the receiver has answered is in it. */
export interface WebhookDelivery {
  /** of the event, as the receiver sees it */
  id: string;
  type: string;
  /** when the event happened */
  created_at: string;
  /** when it was queued */
  told_at: string;
  /** queued: not posted yet; trying: every post so far has failed, and another follows; delivered: the receiver has answered 2xx; given_up: it failed for a day; failed: it could not be queued; unknown: nobody has looked in time */
  state: "failed" | "queued" | "trying" | "delivered" | "given_up" | "unknown";
  /** posts that have begun; of one that has ended at least so many */
  attempts: number;
  /** of the last post that failed */
  last_attempt_at: string | null;
  /** that the receiver answered it with */
  http_status: number | null;
  /** why it failed; refused: http_status tells */
  error: PostFailure | null;
  next_attempt_at: string | null;
  /** since when this is known */
  as_of: string;
}

/** The webhook; `url` is null where there is none. */
export interface WebhookState {
  org_slug: string;
  url: string | null;
  events: Array<string>;
  updated_at: string | null;
  /** what to verify with; left out where it is only looked at */
  signing_secret?: string;
}

/** Kind of an anomaly. */
export type cloudact__anomalies__anomaly__Kind = "rise" | "fall" | "new_service" | "new_model" | "silence";

/** Kind of a group: one with a key, what has none of the question's dimensions, or the rest. */
export type functions__costs__answer__Kind = "group" | "unattributed" | "other";

/** Codes of today; others may come. */
export type KnownCode =
  | "admissions_limited"
  | "amounts_missing"
  | "anthropic_not_allowed"
  | "anthropic_rate_limited"
  | "anthropic_redirected"
  | "anthropic_refused"
  | "anthropic_unavailable"
  | "anthropic_unreadable"
  | "api_key_invalid"
  | "api_key_required"
  | "api_key_unknown"
  | "balances_changed"
  | "balances_unknown"
  | "bigquery_quota_exceeded"
  | "bigquery_unavailable"
  | "bodies_limited"
  | "body_broken"
  | "body_invalid"
  | "body_not_json"
  | "body_slow"
  | "body_too_large"
  | "budgets_changed"
  | "budgets_unknown"
  | "caller_forbidden"
  | "checks_limited"
  | "cloud_kms_unavailable"
  | "cloud_run_refused"
  | "cloud_run_unavailable"
  | "cloud_tasks_slow"
  | "cloud_tasks_unavailable"
  | "cloud_tasks_unclear"
  | "code_unknown"
  | "costs_limited"
  | "costs_too_large"
  | "credential_invalid"
  | "credential_rejected"
  | "credential_unreadable"
  | "credentials_two"
  | "dataset_taken"
  | "dataset_unreadable"
  | "day_changed"
  | "day_not_closed"
  | "day_too_large"
  | "duplicate"
  | "endpoint_unknown"
  | "field_invalid"
  | "field_missing"
  | "field_unknown"
  | "fields_conflict"
  | "form_foreign"
  | "front_unknown"
  | "iam_unavailable"
  | "integration_missing"
  | "internal_error"
  | "invoice_unknown"
  | "keyless_unavailable"
  | "kms_corrupted"
  | "label_unknown"
  | "labels_changed"
  | "labels_unknown"
  | "load_failed"
  | "load_quota_exceeded"
  | "load_refused"
  | "look_ups_limited"
  | "lost"
  | "member_last_owner"
  | "member_unknown"
  | "method_not_allowed"
  | "misconfigured"
  | "never_started"
  | "nothing_loaded"
  | "notification_refused"
  | "openai_not_allowed"
  | "openai_rate_limited"
  | "openai_redirected"
  | "openai_refused"
  | "openai_unavailable"
  | "openai_unreadable"
  | "org_ambiguous"
  | "org_forbidden"
  | "org_offboarded"
  | "org_unknown"
  | "page_cursor_invalid"
  | "permission_denied"
  | "pipeline_unknown"
  | "pipeline_withdrawn"
  | "provider_unknown"
  | "query_too_large"
  | "quota_exceeded"
  | "report_unexpected"
  | "request_malformed"
  | "result_shrunk"
  | "role_required"
  | "rows_unfit"
  | "run_ending"
  | "run_final"
  | "run_not_retryable"
  | "run_superseded"
  | "run_unknown"
  | "secret_damaged"
  | "secret_manager_unavailable"
  | "session_invalid"
  | "session_keys_unavailable"
  | "settings_invalid"
  | "slug_invalid"
  | "slug_taken"
  | "source_changed"
  | "source_not_found"
  | "source_query_failed"
  | "source_slow"
  | "source_unusable"
  | "still_loading"
  | "subscription_inactive"
  | "subscription_missing"
  | "table_missing"
  | "table_outdated"
  | "terminated"
  | "the_customer's_bigquery_unavailable"
  | "token_invalid"
  | "token_required"
  | "unknown"
  | "webhook_missing"
  | "webhook_url_invalid"
  | "webhooks_unavailable";

/** Query, body and answer of each operation, by its method and path. */
export interface Operations {
  /** Pipelines that exist */
  "GET /api/v1/validator/pipelines": {
    query: {
      provider?: string;
    };
    body: undefined;
    answer: Catalogue;
  };
  /** One pipeline */
  "GET /api/v1/validator/pipelines/{pipeline}": {
    query: object;
    body: undefined;
    answer: Pipeline;
  };
  /** Start a run, or find the one that answers the request; an empty domain is `//` or left out */
  "POST /api/v1/pipelines/run/{org}/{provider}/{domain}/{pipeline}": {
    query: {
      /** as in the body; default: yesterday (UTC) */
      date?: string;
    };
    body: TriggerBody;
    answer: Started;
  };
  /** Start a run, or find the one that answers the request; an empty domain is `//` or left out */
  "POST /api/v1/pipelines/run/{org}/{provider}/{pipeline}": {
    query: {
      /** as in the body; default: yesterday (UTC) */
      date?: string;
    };
    body: TriggerBody;
    answer: Started;
  };
  /** Run many dates of a pipeline, the newest first, as far as the day's quota goes */
  "POST /api/v1/pipelines/{org}/backfill": {
    query: object;
    body: BackfillBody;
    answer: Backfilled;
  };
  /** Runs, newest first */
  "GET /api/v1/pipelines/{org}/runs": {
    query: {
      /** in upper or lower case; COMPLETED and COMPLETE mean SUCCESS */
      status?: "PENDING" | "RUNNING" | "SUCCESS" | "FAILED" | "CANCELLED" | "COMPLETED" | "COMPLETE";
      /** another name of status */
      status_filter?: "PENDING" | "RUNNING" | "SUCCESS" | "FAILED" | "CANCELLED" | "COMPLETED" | "COMPLETE";
      /** `gcp_billing` or `acmecorp-gcp-billing` */
      pipeline_id?: string;
      /** another name of pipeline_id */
      pipelineId?: string;
      start_date?: string;
      /** another name of start_date */
      startDate?: string;
      end_date?: string;
      /** another name of end_date */
      endDate?: string;
      /** the day whose costs were loaded */
      date?: string;
      trigger_type?: "api" | "user" | "schedule" | "backfill" | "retry" | "restatement";
      limit?: number;
      /** excludes cursor; default: 0 */
      offset?: number;
      /** next_cursor of the page before; excludes offset */
      cursor?: string;
      /** whether to count all that match, which a page does not need */
      total?: boolean;
    };
    body: undefined;
    answer: RunPage;
  };
  /** One run with its steps; with `wait` held back until it changes */
  "GET /api/v1/pipelines/{org}/runs/{run_id}": {
    query: {
      /** UTC day the run was asked for, as its answers and Location tell: it is found at once then */
      requested_date?: string;
      /** seconds to hold the answer back while the run is as If-None-Match has it; `Prefer: wait=25` does the same */
      wait?: number;
      /** leaves out steps and messages that are older; what happened in that very millisecond is repeated */
      since?: string;
    };
    body: undefined;
    answer: RunDetail;
  };
  /** End a run before its time */
  "POST /api/v1/pipelines/{org}/runs/{run_id}/cancel": {
    query: {
      /** UTC day the run was asked for, as its answers and Location tell: it is found at once then */
      requested_date?: string;
    };
    body: undefined;
    answer: Cancelled;
  };
  /** The next generation of a failed or cancelled run */
  "POST /api/v1/pipelines/{org}/runs/{run_id}/retry": {
    query: {
      /** UTC day the run was asked for, as its answers and Location tell: it is found at once then */
      requested_date?: string;
    };
    body: undefined;
    answer: Started;
  };
  /** Older path: runs of the credential's organization */
  "GET /api/v1/pipelines/runs": {
    query: {
      /** in upper or lower case; COMPLETED and COMPLETE mean SUCCESS */
      status?: "PENDING" | "RUNNING" | "SUCCESS" | "FAILED" | "CANCELLED" | "COMPLETED" | "COMPLETE";
      /** another name of status */
      status_filter?: "PENDING" | "RUNNING" | "SUCCESS" | "FAILED" | "CANCELLED" | "COMPLETED" | "COMPLETE";
      /** `gcp_billing` or `acmecorp-gcp-billing` */
      pipeline_id?: string;
      /** another name of pipeline_id */
      pipelineId?: string;
      start_date?: string;
      /** another name of start_date */
      startDate?: string;
      end_date?: string;
      /** another name of end_date */
      endDate?: string;
      /** the day whose costs were loaded */
      date?: string;
      trigger_type?: "api" | "user" | "schedule" | "backfill" | "retry" | "restatement";
      limit?: number;
      /** excludes cursor; default: 0 */
      offset?: number;
      /** next_cursor of the page before; excludes offset */
      cursor?: string;
      /** whether to count all that match, which a page does not need */
      total?: boolean;
    };
    body: undefined;
    answer: RunPage;
  };
  /** Older path and shape of one run */
  "GET /api/v1/pipelines/runs/{pipeline_logging_id}": {
    query: {
      /** UTC day the run was asked for, as its answers and Location tell: it is found at once then */
      requested_date?: string;
    };
    body: undefined;
    answer: OlderRun;
  };
  /** Costs by period and group, with the completeness of their days */
  "GET /api/v1/costs/{org}": {
    query: {
      /** first UTC day; default: 30 days that end with `end` */
      start?: string;
      /** last UTC day, inclusive; default: yesterday */
      end?: string;
      /** id of a provider, as in the catalogue; may be given several times; empty: what has none */
      provider?: Array<string>;
      /** all but these */
      not_provider?: Array<string>;
      /** ServiceName; may be given several times; empty: what has none */
      service?: Array<string>;
      /** all but these */
      not_service?: Array<string>;
      /** x_Model; may be given several times; empty: what has none */
      model?: Array<string>;
      /** all but these */
      not_model?: Array<string>;
      /** x_TokenType; may be given several times; empty: what has none */
      token_type?: Array<string>;
      /** all but these */
      not_token_type?: Array<string>;
      /** SubAccountId, a project or workspace; may be given several times; empty: what has none */
      sub_account?: Array<string>;
      /** all but these */
      not_sub_account?: Array<string>;
      /** x_ApiKeyId; may be given several times; empty: what has none */
      api_key?: Array<string>;
      /** all but these */
      not_api_key?: Array<string>;
      /** RegionId; may be given several times; empty: what has none */
      region?: Array<string>;
      /** all but these */
      not_region?: Array<string>;
      /** SkuId; may be given several times; empty: what has none */
      sku?: Array<string>;
      /** all but these */
      not_sku?: Array<string>;
      /** <key>=<value>; those of one key are alternatives */
      tag?: Array<string>;
      /** all but these */
      not_tag?: Array<string>;
      /** <name>=<value>, of the organization's labels; those of one label are alternatives */
      label?: Array<string>;
      /** all but these */
      not_label?: Array<string>;
      /** length of a period; weeks begin on Monday */
      granularity?: "day" | "week" | "month";
      /** invoice_month: of whole months, by the month of Google's invoice */
      basis?: "usage" | "invoice_month";
      /** a cost of FOCUS, or the quantity that was consumed, by its units */
      metric?: "billed" | "effective" | "list" | "contracted" | "consumed";
      /** up to 3 dimensions, with commas between, or several times: provider, service, model, token_type, sub_account, api_key, region, sku, tag:<key>, label:<name> */
      group_by?: Array<string>;
      /** groups that are told one by one, the largest; the others are one. By days at most 20,000 / number of periods */
      limit?: number;
      /** previous_period: with as many days directly before, whole months with as many whole months; previous_month: days of one month with the same days of the month before, as far as it has them (it must have the first), a whole month with the whole month */
      compare?: "previous_period" | "previous_month";
    };
    body: undefined;
    answer: Costs;
  };
  /** Cost of a million tokens by model and type, and what caches have saved */
  "GET /api/v1/costs/{org}/unit-costs": {
    query: {
      /** first UTC day; default: 30 days that end with `end` */
      start?: string;
      /** last UTC day, inclusive; default: yesterday */
      end?: string;
      /** id of a provider, as in the catalogue; may be given several times; empty: what has none */
      provider?: Array<string>;
      /** all but these */
      not_provider?: Array<string>;
      /** ServiceName; may be given several times; empty: what has none */
      service?: Array<string>;
      /** all but these */
      not_service?: Array<string>;
      /** x_Model; may be given several times; empty: what has none */
      model?: Array<string>;
      /** all but these */
      not_model?: Array<string>;
      /** x_TokenType; may be given several times; empty: what has none */
      token_type?: Array<string>;
      /** all but these */
      not_token_type?: Array<string>;
      /** SubAccountId, a project or workspace; may be given several times; empty: what has none */
      sub_account?: Array<string>;
      /** all but these */
      not_sub_account?: Array<string>;
      /** x_ApiKeyId; may be given several times; empty: what has none */
      api_key?: Array<string>;
      /** all but these */
      not_api_key?: Array<string>;
      /** RegionId; may be given several times; empty: what has none */
      region?: Array<string>;
      /** all but these */
      not_region?: Array<string>;
      /** SkuId; may be given several times; empty: what has none */
      sku?: Array<string>;
      /** all but these */
      not_sku?: Array<string>;
      /** <key>=<value>; those of one key are alternatives */
      tag?: Array<string>;
      /** all but these */
      not_tag?: Array<string>;
      /** <name>=<value>, of the organization's labels; those of one label are alternatives */
      label?: Array<string>;
      /** all but these */
      not_label?: Array<string>;
      /** a cost of FOCUS */
      metric?: "billed" | "effective" | "list" | "contracted";
      /** one more dimension beside provider, model and token_type */
      group_by?: Array<string>;
      /** previous_period: with as many days directly before, whole months with as many whole months; previous_month: days of one month with the same days of the month before, as far as it has them (it must have the first), a whole month with the whole month */
      compare?: "previous_period" | "previous_month";
    };
    body: undefined;
    answer: UnitCosts;
  };
  /** The labels, or an older version of them */
  "GET /api/v1/organizations/{org}/labels": {
    query: {
      /** an older version; default: the one that counts */
      version?: number;
    };
    body: undefined;
    answer: LabelsState;
  };
  /** Replace the labels, for all days at once; with `dry_run` tell what that would change */
  "PUT /api/v1/organizations/{org}/labels": {
    query: {
      /** tell what would change of the last 30 full days, and change nothing */
      dry_run?: boolean;
    };
    body: LabelsBody;
    answer: RecordedLabels;
  };
  /** What has changed in the costs: since when, by how much, and the query that shows it */
  "GET /api/v1/costs/{org}/anomalies": {
    query: {
      /** last UTC day of the 30 that are looked at; default: yesterday */
      end?: string;
    };
    body: undefined;
    answer: CostAnomalies;
  };
  /** What each month costs, what was invoiced for it, and what is left between the two */
  "GET /api/v1/costs/{org}/months": {
    query: {
      /** first month; default: 13 months that end with `end` */
      start?: string;
      /** last month; default: this one */
      end?: string;
    };
    body: undefined;
    answer: BilledMonths;
  };
  /** How each budget stands in a month: spent, forecast with its range, and what that rests on */
  "GET /api/v1/costs/{org}/budgets": {
    query: {
      /** UTC month, YYYY-MM; default: the current one */
      month?: string;
    };
    body: undefined;
    answer: BudgetStandings;
  };
  /** What a month will cost, with its range, in total and by provider or label */
  "GET /api/v1/costs/{org}/forecast": {
    query: {
      /** UTC month, YYYY-MM; default: the current one */
      month?: string;
      /** provider, or label:<name> of the organization's labels */
      group_by?: string;
    };
    body: undefined;
    answer: Forecast;
  };
  /** What is left of prepaid balances, and when they run out */
  "GET /api/v1/costs/{org}/runway": {
    query: object;
    body: undefined;
    answer: Runways;
  };
  /** The budgets, or an older version of them */
  "GET /api/v1/organizations/{org}/budgets": {
    query: {
      /** an older version; default: the one that counts */
      version?: number;
    };
    body: undefined;
    answer: BudgetsState;
  };
  /** Replace the budgets; one that is as it was keeps its version, and its events are not told again */
  "PUT /api/v1/organizations/{org}/budgets": {
    query: object;
    body: BudgetsBody;
    answer: RecordedBudgets;
  };
  /** The prepaid balances, or an older version of them */
  "GET /api/v1/organizations/{org}/balances": {
    query: {
      /** an older version; default: the one that counts */
      version?: number;
    };
    body: undefined;
    answer: BalancesState;
  };
  /** Replace the prepaid balances; of a provider and currency the one with the latest day counts */
  "PUT /api/v1/organizations/{org}/balances": {
    query: object;
    body: BalancesBody;
    answer: RecordedBalances;
  };
  /** What is left of the UTC day */
  "GET /api/v1/organizations/{org}/quota": {
    query: object;
    body: undefined;
    answer: Quota;
  };
  /** The keys, by their fingerprints */
  "GET /api/v1/organizations/{org}/api-key": {
    query: object;
    body: undefined;
    answer: Keys;
  };
  /** A new key; the old ones work for a grace period */
  "POST /api/v1/organizations/{org}/api-key/rotate": {
    query: object;
    body: RotateBody;
    answer: RotatedKey;
  };
  /** Where the organization is told of events */
  "GET /api/v1/organizations/{org}/webhook": {
    query: object;
    body: undefined;
    answer: WebhookState;
  };
  /** Set where and of which events; shows the signing secret */
  "PUT /api/v1/organizations/{org}/webhook": {
    query: object;
    body: WebhookBody;
    answer: WebhookState;
  };
  /** Send no more events */
  "DELETE /api/v1/organizations/{org}/webhook": {
    query: object;
    body: undefined;
    answer: WebhookState;
  };
  /** Send a test event */
  "POST /api/v1/organizations/{org}/webhook/test": {
    query: object;
    body: undefined;
    answer: Ping;
  };
  /** The last events that were to be posted, and what became of each */
  "GET /api/v1/organizations/{org}/webhook/deliveries": {
    query: {
      limit?: number;
    };
    body: undefined;
    answer: WebhookDeliveries;
  };
  /** What has happened, newest first: runs, restatements, dates given up, credentials, quota, budgets, anomalies */
  "GET /api/v1/organizations/{org}/timeline": {
    query: {
      /** may be given several times; default: all */
      kind?: Array<"run" | "restatement" | "given_up" | "credential" | "quota" | "budget" | "anomaly">;
      start_date?: string;
      end_date?: string;
      limit?: number;
      /** next_cursor of the page before */
      cursor?: string;
    };
    body: undefined;
    answer: Timeline;
  };
  /** Who may act for it, by their ids */
  "GET /api/v1/organizations/{org}/members": {
    query: {
      limit?: number;
      /** next_cursor of the page before */
      cursor?: string;
    };
    body: undefined;
    answer: MemberList;
  };
  /** Let a person act for the organization, or in another role; only owners make and unmake owners */
  "PUT /api/v1/organizations/{org}/members/{user_id}": {
    query: object;
    body: MemberBody;
    answer: MemberState;
  };
  /** Let a person act for it no more; everybody may leave but the last owner */
  "DELETE /api/v1/organizations/{org}/members/{user_id}": {
    query: object;
    body: undefined;
    answer: MemberState;
  };
  /** What providers have billed, as it was told */
  "GET /api/v1/organizations/{org}/invoices": {
    query: object;
    body: undefined;
    answer: InvoiceList;
  };
  /** Tell an invoice, or as CSV up to 1000, all or none; one that was told before is corrected by what differs */
  "POST /api/v1/organizations/{org}/invoices": {
    query: object;
    body: InvoiceBody;
    answer: RecordedInvoices;
  };
  /** Count an invoice no more; its rows are kept */
  "DELETE /api/v1/organizations/{org}/invoices": {
    query: {
      /** id of the provider that it is of */
      issuer?: string;
      number?: string;
    };
    body: undefined;
    answer: RecordedInvoices;
  };
  /** What is set up to reach each provider */
  "GET /api/v1/integrations/{org}": {
    query: object;
    body: undefined;
    answer: IntegrationList;
  };
  /** One of them */
  "GET /api/v1/integrations/{org}/{provider}": {
    query: object;
    body: undefined;
    answer: IntegrationState;
  };
  /** Forget the credential */
  "DELETE /api/v1/integrations/{org}/{provider}": {
    query: object;
    body: undefined;
    answer: IntegrationState;
  };
  /** The commands with which the organization lets us read its billing export without a key */
  "GET /api/v1/integrations/{org}/gcp/keyless": {
    query: {
      /** where the service account will be, and queries run */
      project?: string;
      /** where the billing export is; default: `project` */
      source_project?: string;
      /** of the billing export; default: `billing_export` */
      dataset?: string;
    };
    body: undefined;
    answer: KeylessSetup;
  };
  /** Set up a credential, once the provider has accepted it; what was set up before stays until then. Ten set-ups and validations of an organization at once, then one in 30 seconds */
  "POST /api/v1/integrations/{org}/{provider}/setup": {
    query: object;
    body: SetupBody;
    answer: IntegrationState;
  };
  /** Ask the provider again; counts like a set-up */
  "POST /api/v1/integrations/{org}/{provider}/validate": {
    query: object;
    body: undefined;
    answer: IntegrationState;
  };
  /** FOCUS metadata of `focus_costs`: its columns, how recent each day is, how it is delivered and corrected */
  "GET /api/v1/focus/{org}/metadata": {
    query: {
      /** first UTC day; default: 399 days before the last */
      start_date?: string;
      /** last UTC day; default: today. At most 1100 days */
      end_date?: string;
    };
    body: undefined;
    answer: FocusMetadata;
  };
  /** The process answers */
  "GET /health": {
    query: object;
    body: undefined;
    answer: Health;
  };
  /** The process answers */
  "GET /api/v1/health": {
    query: object;
    body: undefined;
    answer: Health;
  };
  /** What it depends on answers too */
  "GET /health/ready": {
    query: object;
    body: undefined;
    answer: Readiness;
  };
  /** What it depends on answers too */
  "GET /api/v1/health/ready": {
    query: object;
    body: undefined;
    answer: Readiness;
  };
  /** What an error code means */
  "GET /errors/{code}": {
    query: object;
    body: undefined;
    answer: ErrorPage;
  };
  /** This document */
  "GET /openapi.json": {
    query: object;
    body: undefined;
    answer: Document;
  };
  /** This document */
  "GET /api/v1/openapi.json": {
    query: object;
    body: undefined;
    answer: Document;
  };
}
