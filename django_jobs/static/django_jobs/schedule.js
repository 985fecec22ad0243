/* Shows when a schedule would tick while one types. Without it there is the button "Preview". */
"use strict";
(function () {
    const names = ["cron", "every", "timezone", "start_at_0", "start_at_1", "end_at_0", "end_at_1"];
    const DELAY = 300; // milliseconds after the last key

    function begin() {
        const place = document.getElementById("django-jobs-preview");
        const fields = names.map((name) => document.getElementById("id_" + name));
        if (!place || !fields.some(Boolean)) {
            return;
        }
        let timer = 0;
        let asked = 0;

        async function look() {
            const query = new URLSearchParams({schedule: place.dataset.schedule});
            fields.forEach((field, index) => field && query.set(names[index], field.value));
            const number = ++asked;
            try {
                const answer = await fetch(place.dataset.url + "?" + query, {credentials: "same-origin"});
                if (answer.ok && !answer.redirected && number === asked) {
                    place.innerHTML = await answer.text();
                }
            } catch {
                // Offline: what is shown stays, and saving will say what is wrong.
            }
        }

        function later() {
            clearTimeout(timer);
            timer = setTimeout(look, DELAY);
        }

        fields.filter(Boolean).forEach((field) => {
            field.addEventListener("input", later);
            // The admin's calendar and clock set values without typing.
            field.addEventListener("change", later);
            field.addEventListener("focus", later);
        });
    }

    if (document.readyState === "loading") {
        document.addEventListener("DOMContentLoaded", begin);
    } else {
        begin();
    }
})();
