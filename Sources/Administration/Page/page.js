// The administration page: what `GET /v1/events` says once a second, as tables that are updated in place.
import { byId, setText } from "./elements.js";
import { buildOverview } from "./overview.js";
import { buildListeners, buildLoops } from "./listeners.js";
import { buildEvents } from "./events.js";
import { buildSearch } from "./sessions.js";
import { tellWhy } from "./why.js";
import { buildWish, showToken } from "./wishes.js";
import { openStream, watchStream, watchVisibility } from "./stream.js";

setText(byId("place"), location.host);
buildOverview();
buildListeners();
buildLoops();
buildEvents();
buildSearch();
buildWish();
byId("why-again").addEventListener("click", tellWhy);
byId("why-close").addEventListener("click", () => byId("why").close());
showToken();
openStream();
watchVisibility();
document.addEventListener("visibilitychange", watchVisibility);
setInterval(watchStream, 1000);
