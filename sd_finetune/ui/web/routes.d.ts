// The routes by their parts, so that the type checker knows what each takes and answers. No page loads it.
import type * as Json from "./types.d.ts";

export interface Get {
  (route: "start"): Promise<Json.Start>;
  (route: "origins"): Promise<Json.Origin[]>;
  (route: "models"): Promise<Json.Lists>;
  (route: "models", model: string): Promise<Json.Model>;
  (route: "models", model: string, part: "class-pictures"): Promise<Json.ClassPictures[]>;
  (route: "models", model: string, part: "drawn"): Promise<Json.Drawn[]>;
  (route: "models", model: string, part: "concepts", number: number): Promise<Json.Pictures>;
  (route: "models", model: string, part: "runs", run: string, what: "results"): Promise<Json.Result[]>;
  (route: "models", model: string, part: "runs", run: string, what: "log"): Promise<string>;
}

export interface Post {
  (parts: ["lesson"]): Promise<Json.Model>;
  (parts: ["models"], content: Json.NewModel): Promise<Json.Model>;
  (parts: ["models", string, "settings"], content: Json.Settings): Promise<Json.Check>;
  (parts: ["models", string, "fit"]): Promise<{ changes: Record<string, Json.Value>; sentence: string }>;
  (parts: ["models", string, "delete"]): Promise<Json.Lists>;
  (parts: ["models", string, "train"]): Promise<{ run: string }>;
  (parts: ["models", string, "class-images" | "draw" | "end"], content?: Json.DrawRequest): Promise<object>;
  (parts: ["models", string, "runs", string, "resume"]): Promise<{ run: string }>;
  (parts: ["models", string, "runs", string, "command"], content: { command: Json.Command }): Promise<object>;
  (parts: ["models", string, "runs", string, "settings", "use"]): Promise<object>;
  (
    parts: ["models", string, "concepts", number, "caption"],
    content: { picture: string; text: string },
  ): Promise<object>;
  (parts: ["models", string, "class-pictures", string, string, "delete"]): Promise<object>;
  (parts: ["concepts", "import"], content: unknown): Promise<Json.Concept[]>;
}
