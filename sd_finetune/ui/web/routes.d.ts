// The routes by their parts, so that the type checker knows what each takes and answers. No page loads it.
import type * as Json from "./types.d.ts";

export interface Get {
  (route: "start"): Promise<Json.Start>;
  (route: "continuation-sources"): Promise<Json.ContinuationSource[]>;
  (route: "projects"): Promise<Json.Lists>;
  (route: "projects", project: string): Promise<Json.Project>;
  (route: "presets"): Promise<Json.Preset[]>;
  (route: "projects", project: string, part: "presets", key: string): Promise<Json.PresetPreview>;
  (route: "captioners"): Promise<Json.Captioner[]>;
  (route: "packages"): Promise<{ offers: Json.PackageOffer[]; form: Json.Form }>;
  (route: "projects", project: string, part: "captions"): Promise<Json.Captioning>;
  (route: "projects", project: string, part: "class-images"): Promise<Json.ClassImages[]>;
  (route: "projects", project: string, part: "image-cache"): Promise<Json.ImageCache>;
  (route: "projects", project: string, part: "generated"): Promise<Json.Generated[]>;
  (route: "projects", project: string, part: "rates"): Promise<Json.RateTrial>;
  (route: "projects", project: string, part: "buckets"): Promise<Json.Buckets>;
  (route: "projects", project: string, part: "concepts", number: number): Promise<Json.Images>;
  (route: "projects", project: string, part: "concepts", number: number, what: "images"): Promise<Json.Image[]>;
  (route: "projects", project: string, part: "concepts", number: number, what: "checks"): Promise<Json.Checks>;
  (route: "projects", project: string, part: "runs", run: string, what: "results"): Promise<Json.Result[]>;
  (route: "projects", project: string, part: "runs", run: string, what: "log"): Promise<string>;
}

export interface Post {
  (parts: ["example"]): Promise<Json.Project>;
  (parts: ["bases", "check"], content: { checkpoint: string | null }): Promise<{ title: string; fault: string }>;
  (parts: ["projects"], content: Json.NewProject): Promise<Json.Project>;
  (parts: ["projects", string, "settings"], content: Json.Settings): Promise<Json.Check>;
  (parts: ["projects", string, "changes"], content: { changes: Json.Changes }): Promise<Json.Changed>;
  (parts: ["projects", string, "base"], content: { checkpoint: string | null }): Promise<Json.Project>;
  (
    parts: ["projects", string, "fit"],
    content: { gpu: string },
  ): Promise<{ changes: Record<string, Json.Value>; sentence: string }>;
  (parts: ["presets", "import"], content: { file: string; text: string }): Promise<Json.Preset>;
  (parts: ["presets", string, "delete"]): Promise<object>;
  (parts: ["projects", string, "presets"], content: Json.NewPreset): Promise<Json.Preset>;
  (parts: ["projects", string, "presets", string, "use"]): Promise<Json.PresetPreview>;
  (parts: ["packages", "stop"]): Promise<object>;
  (parts: ["packages", string, "install"]): Promise<object>;
  (parts: ["projects", string, "delete"]): Promise<Json.Lists>;
  (parts: ["projects", string, "train"]): Promise<{ run: string }>;
  (parts: ["projects", string, "class-images", "generate"]): Promise<object>;
  (parts: ["projects", string, "image-cache", "empty"]): Promise<Json.ImageCache>;
  (parts: ["projects", string, "generate"], content: Json.GenerateRequest): Promise<object>;
  (parts: ["projects", string, "end"]): Promise<object>;
  (parts: ["projects", string, "rates", "find" | "use"]): Promise<object>;
  (parts: ["projects", string, "runs", string, "resume"]): Promise<{ run: string }>;
  (parts: ["projects", string, "runs", string, "command"], content: { command: Json.Command }): Promise<object>;
  (parts: ["projects", string, "runs", string, "settings", "use"]): Promise<object>;
  (
    parts: ["projects", string, "concepts", number, "captions"],
    content: { changes: Json.CaptionChanges; folder: string },
  ): Promise<Json.NotWritten>;
  (
    parts: ["projects", string, "concepts", number, "captions", "make"],
    content: { by: string; existing: Json.Existing },
  ): Promise<object>;
  (parts: ["projects", string, "captions", "undo"]): Promise<{ sentence: string }>;
  (parts: ["projects", string, "class-images", string, string, "delete"]): Promise<object>;
  (
    parts: ["projects", string, "concepts", number, "remove"],
    content: { image: string; folder: string },
  ): Promise<object>;
  (parts: ["projects", string, "import"], content: { path: string }): Promise<{ concepts: number; notes: string[] }>;
  (parts: ["concepts", "import"], content: unknown): Promise<{ concepts: Json.Concept[]; notes: string[] }>;
}
