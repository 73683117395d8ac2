// What the server's JSON routes take and answer. For the type checker only: no page loads it.

// ui/projects/form.py: the form, made from the options of the settings.

export type Kind = "flag" | "choice" | "number" | "rate" | "text" | "path" | "texts" | "duration" | "interval";
export type Value = boolean | number | string | string[];
export type PanelName = "create" | "settings" | "concepts" | "saving" | "generate";

export interface Option {
  /** With its group's: "train.length". */
  name: string;
  label: string;
  kind: Kind;
  default: Value;
  help: string;
  /** What values it takes, in words. */
  takes: string;
  unit: string;
  /** Whether it can be "auto", left to the method or to other options. */
  auto: boolean;
  /** Whether 0 says "auto" too. */
  zero_is_auto: boolean;
  /** Whether it is a whole number. */
  whole: boolean;
  /** Of a slider beside the number. */
  slider: [least: number, most: number, step: number] | null;
  choices: string[];
  /** By choice, what it is shown as where that is not its name in the settings. */
  titles: Record<string, string>;
  /** Choices that cannot be chosen on this machine, and why. */
  unavailable: Record<string, string>;
  /** Why it can be nothing but its default on this machine, or empty. */
  greyed: string;
  /** Seen at once; all others are folded under their group. */
  foremost: boolean;
  elsewhere: boolean;
  methods: string[];
  follows_method: boolean;
  /** Without all of these it is ignored. */
  conditions: Condition[];
}

/** The option `name` has one of `values`, or none of `others`; asked of `methods`, or of all. */
export interface Condition {
  name: string;
  values: Value[];
  others: Value[];
  methods: string[];
}

export interface Group {
  name: string;
  label: string;
  help: string;
  panel: PanelName;
  /** The only method that it is for, or empty. */
  method: string;
  fields: Option[];
}

export interface Form {
  /** Those of no group. */
  fields: Option[];
  groups: Group[];
}

// ui/server/project_routes.py: projects and their settings.

/** As they stand in the form: what is faulty is kept as it was typed. */
export interface Settings {
  base?: { checkpoint?: string; continue_from?: string };
  method?: string;
  concepts?: Concept[];
  data?: { resolution?: number | string };
  samples?: { prompts?: string[] };
  [group: string]: unknown;
}

export interface Concept {
  folder?: string;
  instance_prompt?: string;
  [option: string]: unknown;
}

export interface Check {
  /** Sentences by the name of the faulty setting. */
  faults: Record<string, string>;
  /** Where a fault stands too: it is `of` one setting, and a contradiction with the one called `name`. */
  beside: { name: string; of: string; sentence: string }[];
  /** Each with the setting that it is about. */
  warnings: { name: string; sentence: string }[];
  /** What "auto" amounts to, by the setting's name. */
  automatic: Record<string, number>;
  /** Of each concept. */
  images: number[];
  /** How many of them were not read yet. */
  unchecked: number;
  /** This and `steps` are 0 while they cannot be told. */
  steps_per_epoch: number;
  steps: number;
  seconds: number | null;
}

/**
 * By an option's name, "method", "train.length" or "concepts" (the whole list): what this page read, and what shall
 * stand there now; null is an option that is left out. Where something else than `was` stands, because another page
 * changed it, that stays.
 */
export type Changes = Record<string, { was: unknown; now: unknown }>;

export interface Changed {
  /** The project as it is now, changes of others too. */
  project: Project;
  /** Changes that were not made: by name, what stands there because another page changed it. */
  theirs: Record<string, unknown>;
}

// ui/projects/presets.py

export interface Preset {
  /** What names it in addresses. */
  key: string;
  name: string;
  /** Empty where it cannot be read. */
  method: string;
  /** What it is for: "Subject", or empty. */
  subject: string;
  description: string;
  /** Sentences on steps, time, VRAM and loss. */
  expected: string[];
  own: boolean;
  /** Why it cannot be read, or empty. */
  fault: string;
}

export interface PresetPreview {
  changes: Changes;
  /** Bytes that training would need by estimate. */
  vram: number | null;
}

export interface NewPreset {
  name: string;
  description: string;
  /** Also how training is watched, saved and fitted to a machine. */
  with_all: boolean;
  /** In place of the one of that name. */
  instead: boolean;
}

export interface Interrupted {
  run: string;
  /** Of the snapshot that it can be resumed from. */
  step: number;
}

export interface Project {
  name: string;
  /** Another one after each change, of whomever; see Lists.revisions. */
  revision: string;
  created: number;
  /** The title of its checkpoint. */
  base: string;
  settings: Settings;
  /** The snapshot that it goes on from. */
  source: { step: number; of: string } | null;
  /** The latest first. */
  runs: string[];
  /** The latest run, where it ended without being asked to (its server or its worker was gone) and can be resumed. */
  interrupted: Interrupted | null;
  check: Check;
  /** For each method the values that suit the checkpoint, by the option's name. */
  method_defaults: Record<string, Record<string, Value>>;
  /** The page's own: for each method the values that stood there when it was left. */
  left?: Record<string, Record<string, unknown>>;
}

export interface NewProject {
  name: string;
  /** A title from the list, or the path of a file; null: the one that is loaded when this arrives. */
  checkpoint?: string | null;
  sampler?: string;
  continue_from?: Pick<ContinuationSource, "project" | "run" | "what">;
}

interface NamedJob {
  kind: "train" | "class images" | "generate" | "captions" | "rates";
  project: string;
  run: string;
}

export interface Job extends NamedJob {
  phase: { name: string; done: number; total: number } | null;
}

export interface EndedJob extends NamedJob {
  /** Why it failed, or empty. */
  error: string;
  /** What a person may want to know of its end where it did not fail, or empty. */
  reason: string;
}

/** The latest trial of learning rates. */
export interface RateTrial {
  tried: number;
  /** An SVG drawing, or empty. */
  curve: string;
  suggested: number | null;
  option: string;
}

export interface Checkpoint {
  title: string;
  /** The WebUI generates with it next; none is outside the WebUI. Asked again and again: see watch.mjs. */
  loaded: boolean;
  /** Of the loaded one; empty of others, and where it is none that can be trained. */
  family: string;
}

export interface Lists {
  projects: string[];
  /** By project: where it is not that of the project that was read, another page has changed it. */
  revisions: Record<string, string>;
  /** Seconds to wait until asking again. */
  wait: number;
  checkpoints: Checkpoint[];
  /** The version of the WebUI's own lists; 0 outside it. */
  lists: number;
  job: Job | null;
  /** The job that ended last. */
  ended: EndedJob | null;
  /** The latest installation of an optional package. */
  installing: Installing | null;
  /** Another one after each change of your own presets. */
  presets: string;
}

/** ui/jobs/installing.py */
export interface Installing {
  package: string;
  running: boolean;
  /** The end of its log. */
  lines: string[];
  /** Why it failed, or empty. */
  failed: string;
}

export interface PackageOffer {
  package: string;
  brings: string;
  /** That which is installed or would be. */
  version: string;
  state: "installed" | "offered" | "refused";
  /** Why it is not offered, or empty. */
  said: string;
}

export interface Start extends Lists {
  host: string;
  version: string;
  faults: string[];
  form: Form;
  /** Whether there is an example for a first visitor. */
  example: boolean;
  /** What is to be known of its result here, or nothing. */
  example_note: string;
  gpus: AnotherGpu[];
}

/** A GPU that is not in this machine. */
export interface AnotherGpu {
  gpu: string;
  title: string;
}

export interface ContinuationSource {
  project: string;
  run: string;
  /** "snapshot", or a result's name. */
  what: string;
  method: string;
  step: number;
}

// ui/live/run_view.py and runs/messages.py: what a run tells.

/** What cannot be written as a number of JSON is text: "nan". */
type Real = number | string;

interface Event {
  /** Unix seconds. */
  time: number;
  serial: number;
}

export interface Phase extends Event {
  name: string;
  done: number;
  total: number;
}

export interface Step extends Event {
  step: number;
  total_steps: number;
  epoch: number;
  loss: Real;
  images_per_second: Real;
  seconds_left: Real;
  memory_bytes: number;
}

export interface Sample extends Event {
  step: number;
  file: string;
  prompt: string;
  seed: number;
}

export interface Saved extends Event {
  step: number;
  result: string;
  path: string;
}

export interface Warning extends Event {
  message: string;
}

export interface Failure extends Event {
  kind: "error";
  message: string;
}

export interface Done extends Event {
  kind: "done";
  step: number;
  outcome: "finished" | "stopped";
  /** What a person may want to know of it, or empty. */
  reason: string;
}

/** A step and means over the steps since the last point; of a training: loss, instance loss, prior loss, rates. */
export type Point = [step: number, ...means: (number | null)[]];
export type State = "" | "starting" | "running" | "finished" | "stopped" | "failed";

/** What is known of a run. */
export interface View {
  run: string;
  /** How many events were read. */
  since: number;
  state: State;
  phase: Phase | null;
  step: Step | null;
  end: Done | Failure | null;
  asked: "" | "stop" | "pause";
  /** Whether somebody works at it. */
  active: boolean;
  resumable: boolean;
  /** Names of the learning rates. */
  rates: string[];
  /** Steps that a point stands for. */
  stride: number;
  points: Point[];
  evaluations: Point[];
  samples: Sample[];
  saved: Saved[];
  warnings: Warning[];
}

/** What is new of a run. */
export interface Status extends View {
  /** Seconds to wait until asking again. */
  wait: number;
  /** Ask again at once. */
  more: boolean;
  /** Throw away what came before. */
  reset: boolean;
  evaluation_stride: number;
}

export type Command = "stop" | "save" | "sample" | "pause" | "resume" | "end";

export interface Result {
  name: string;
  step: number;
  kind: string;
  path: string;
  /** In diffusers' layout, which cannot be downloaded as one file. */
  folder: boolean;
  bytes: number;
  /** How it is used, with the hint. */
  sentence: string;
  /** What is to be set in the WebUI. */
  hint: string;
  prompt: string;
  checkpoint: string;
  /** The title of the checkpoint that it was trained on; empty where that cannot be loaded. */
  base: string;
  /** That of the checkpoint that it was trained on; empty where that is gone. */
  family: string;
}

// ui/server/concept_routes.py and ui/server/generate_routes.py: images.

/** Of a concept, excluded or not. */
export interface Image {
  /** From its folder on. */
  name: string;
  /** Its own, perhaps of several lines; empty where it has none. */
  caption: string;
  prompt: string;
  /** Width and height; null as long as it was not read. */
  size: [number, number] | null;
  /** Width and height that it is trained in; null as long as it was not read. */
  trained: [number, number] | null;
  /** The share that is cut off. */
  cut: number;
  /** Another one after each change of the file. */
  state: string;
}

/** The page's own: an image in the grid, whose `caption` is the one that was written here. */
export interface Entry extends Image {
  /** The caption as the server has it. */
  saved: string;
  /** The caption that somebody else has written at the same time, if so. */
  theirs: string | null;
  /** Why its caption could not be saved, or empty. */
  fault: string;
}

/** By the image's name: the caption that this page read, and what it is to be now; empty is none. */
export type CaptionChanges = Record<string, { was: string; now: string }>;

/** By the image's name. */
export interface NotWritten {
  /** Captions that stand there because somebody else has written them since. */
  theirs: Record<string, string>;
  /** Why others could not be written. */
  faults: Record<string, string>;
}

/** What training makes of the images of one size. */
export interface Fitted {
  size: [number, number];
  count: number;
  /** Width and height in which they are trained. */
  trained: [number, number];
  /** The share that is cut off. */
  cut: number;
  scale: number;
}

/** Of a concept as a whole. */
export interface Images {
  /** Of those that are trained. */
  count: number;
  excluded: number;
  /** Whether they were uploaded to the project, which can remove them. */
  uploads: boolean;
  sizes: Fitted[];
  /** A sentence for each file that is not trained. */
  skipped: string[];
  /** How many of the images were not read yet, and may turn out to be none that can be trained. */
  unchecked: number;
}

export interface ClassImages {
  key: string;
  prompt: string;
  sampling: string;
  folder: string;
  images: string[];
}

/** Latents and notes about images that are kept; `size` in bytes. */
export interface ImageCache {
  folder: string;
  files: number;
  size: number;
}

export interface GenerateRequest {
  prompt: string;
  /** What is no number is refused as it was typed. */
  seed: number | string;
  count: number | string;
  run: string;
  result: string;
}

export interface Generated {
  key: string;
  prompt: string;
  seed: number;
  /** A result's name, or empty. */
  with: string;
  images: string[];
  error: string;
}

// ui/server/caption_routes.py: Caption all.

/** What can caption images here. */
export interface Captioner {
  name: string;
  title: string;
  /** Why it cannot be used now, with the way out, or empty. */
  missing: string;
}

/** What becomes of captions that are there. */
export type Existing = "keep" | "replace" | "before" | "after";

/** Of the last captioning of a project. */
export interface Captioning {
  /** Sentences about images without a caption. */
  problems: string[];
  /** How many captions can be taken back. */
  undoable: number;
}

// ui/server/check_routes.py: what training makes of images.

/** Images that are better left out. */
export interface Finding {
  kind: "duplicate" | "class" | "blurred" | "small";
  /** By name. */
  images: string[];
  /** Those of them that had better be excluded. */
  exclude: string[];
  /** What there is to say of it, or empty. */
  words: string;
}

export interface Checks {
  /** Class images too. */
  total: number;
  /** How many were read so far; ask again until it is all. */
  checked: number;
  findings: Finding[];
}

/** A size that images are trained in. */
export interface Bucket {
  size: [number, number];
  images: number;
  /** With repeats. */
  examples: number;
  enlarged: number;
  /** The largest share of an image that is cut off. */
  cut: number;
}

export interface Buckets {
  buckets: Bucket[];
  /** A sentence for each thing that is worth to change. */
  warnings: string[];
}
