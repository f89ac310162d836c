package config

// channelTrees are a receiver's channels as they are printed.
func (r Receiver) channelTrees(how printing) tree {
	t := tree{}
	if w := r.Webhook; w != nil {
		c := tree{"url": how.address(w.URL)}
		c.secret("secret", w.Secret)
		c.set("http", w.http)
		t["webhook"] = c
	}
	if s := r.Slack; s != nil {
		t["slack"] = s.tree(how)
	}
	if p := r.PagerDuty; p != nil {
		c := tree{}
		c.address(how, "url", p.URL)
		c.secret("routing_key", p.RoutingKey)
		c.set("http", p.http)
		t["pagerduty"] = c
	}
	if e := r.Email; e != nil {
		t["email"] = e.tree()
	}
	if a := r.Alertmanager; a != nil {
		urls := make([]any, 0, len(a.URLs))
		for _, u := range a.URLs {
			urls = append(urls, how.address(u))
		}
		c := tree{"urls": urls}
		c.set("labels", a.Labels)
		c.set("http", a.http)
		t["alertmanager"] = c
	}
	if e := r.Exec; e != nil {
		t["exec"] = tree{"command": e.Command, "timeout": durationText(e.Timeout)}
	}
	if s := r.Shoutrrr; s != nil {
		c := tree{}
		c.secret("url", s.URL)
		t["shoutrrr"] = c
	}
	if s := r.StatusPage; s != nil {
		t["status_page"] = s.tree(how)
	}
	return t
}

// address sets an address that may be left out.
func (t tree) address(how printing, key, url string) {
	if url != "" {
		t[key] = how.address(url)
	}
}

func (s *Slack) tree(how printing) tree {
	t := tree{}
	t.secret("token", s.Token)
	t.set("channel", s.Channel)
	t.secret("webhook_url", s.WebhookURL)
	t.address(how, "api_url", s.APIURL)
	t.set("http", s.http)
	return t
}

func (e *Email) tree() tree {
	t := tree{"smarthost": e.Smarthost, "from": e.From, "to": e.To, "tls": e.TLS}
	t.set("username", e.Username)
	t.secret("password", e.Password)
	t.set("ca_file", e.caFile)
	t.set("hello", e.Hello)
	return t
}

func (s *StatusPage) tree(how printing) tree {
	t := tree{"page_id": s.PageID}
	t.address(how, "url", s.URL)
	t.set("component_ids", s.Components)
	t.secret("token", s.Token)
	t.set("http", s.http)
	return t
}
