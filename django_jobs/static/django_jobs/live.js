/* Keeps parts of a page up to date: each element with data-django-jobs-live="URL" gets the HTML of
   that address as its content, every data-interval seconds (5 unless it says otherwise).
   It can be paused by a button, which is remembered; it rests while nobody sees the tab, and ends
   for an element that has got data-django-jobs-over: nothing of it will change any more. */
(function () {
    "use strict";

    const KEY = "django_jobs.live";
    const regions = Array.from(document.querySelectorAll("[data-django-jobs-live]"));
    if (!regions.length) {
        return;
    }
    let paused = remembered() === "paused";
    let button, status;

    function remembered() {
        try {
            return window.localStorage.getItem(KEY);
        } catch (error) {
            return null;  // a browser that keeps nothing
        }
    }

    function remember(word) {
        try {
            window.localStorage.setItem(KEY, word);
        } catch (error) {
            // Then it is forgotten.
        }
    }

    function label(name, otherwise) {
        return regions[0].dataset[name] || otherwise;
    }

    function makeButton() {
        const bar = document.createElement("div");
        bar.className = "django-jobs-live-bar";
        status = document.createElement("span");
        status.setAttribute("role", "status");
        button = document.createElement("button");
        button.type = "button";
        button.className = "button";
        button.addEventListener("click", function () {
            paused = !paused;
            remember(paused ? "paused" : "live");
            name();
            if (!paused) {
                regions.forEach(refresh);
            }
        });
        bar.append(status, button);
        regions[0].before(bar);
        name();
    }

    function name() {
        button.textContent = paused
            ? label("labelResume", "Resume updates")
            : label("labelPause", "Pause updates");
    }

    /* Where an element is, counted from the region: what is found there afterwards is the same. */
    function pathTo(region, element) {
        if (element.id) {
            return "#" + CSS.escape(element.id);
        }
        const steps = [];
        for (let one = element; one !== region; one = one.parentElement) {
            const place = Array.prototype.indexOf.call(one.parentElement.children, one) + 1;
            steps.unshift(one.tagName.toLowerCase() + ":nth-child(" + place + ")");
        }
        return ":scope > " + steps.join(" > ");
    }

    function put(region, html) {
        const active = document.activeElement;
        const focused = active !== region && region.contains(active) ? pathTo(region, active) : null;
        const opened = Array.from(region.querySelectorAll("details"), function (one) {
            return [pathTo(region, one), one.open];
        });
        const scrolled = Array.from(region.querySelectorAll("*"))
            .filter(function (one) { return one.scrollLeft || one.scrollTop; })
            .map(function (one) { return [pathTo(region, one), one.scrollLeft, one.scrollTop]; });
        const holder = document.createElement("template");
        holder.innerHTML = html;
        region.replaceChildren(holder.content);
        opened.forEach(function (one) {
            const found = region.querySelector(one[0]);
            if (found) {
                found.open = one[1];
            }
        });
        scrolled.forEach(function (one) {
            const found = region.querySelector(one[0]);
            if (found) {
                found.scrollTo(one[1], one[2]);
            }
        });
        const found = focused && region.querySelector(focused);
        if (found) {
            found.focus({preventScroll: true});
        }
    }

    /* What somebody is typing, choosing or marking must not vanish. */
    function isInUse(region) {
        const active = document.activeElement;
        const selection = window.getSelection();
        return (region.contains(active) && active.matches("input, select, textarea"))
            || (!selection.isCollapsed && region.contains(selection.anchorNode));
    }

    async function refresh(region) {
        if (paused || region.dataset.isOver || document.hidden || region.dataset.isLoading || isInUse(region)) {
            return;
        }
        region.dataset.isLoading = "yes";
        try {
            const answer = await fetch(region.dataset.djangoJobsLive, {
                credentials: "same-origin",
                headers: {"X-Requested-With": "XMLHttpRequest"},
            });
            // Redirected to where one logs in: that is no part of this page.
            if (!answer.ok || answer.redirected) {
                throw new Error(answer.status);
            }
            const html = await answer.text();
            if (!paused && !isInUse(region)) {
                put(region, html);
                end(region);
            }
            say("");
        } catch (error) {
            say(label("labelLost", "The server does not answer."));
        } finally {
            delete region.dataset.isLoading;
        }
    }

    function end(region) {
        if (region.querySelector("[data-django-jobs-over]")) {
            region.dataset.isOver = "yes";
            button.hidden = regions.every(function (one) { return one.dataset.isOver; });
        }
    }

    function say(text) {
        if (status.textContent !== text) {
            status.textContent = text;
        }
    }

    makeButton();
    regions.forEach(function (region) {
        region.setAttribute("aria-live", "off");
        const seconds = Number(region.dataset.interval) || 5;
        window.setInterval(refresh, seconds * 1000, region);
    });
    document.addEventListener("visibilitychange", function () {
        regions.forEach(refresh);
    });
})();
